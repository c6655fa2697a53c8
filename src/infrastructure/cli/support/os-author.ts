// Who runs a command, as the audit log tells it: the user of the operating system.
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { parseCallerId, type CallerId } from '../../../domain/ids.js';
import type { ChangeAuthor } from '../../../ports/audit-log.js';

/** A new author for every run: its lines belong together. */
export const osAuthor = (): ChangeAuthor => ({
  caller: userName(),
  method: 'command-line',
  requestId: randomUUID(),
});

function userName(): CallerId {
  const named = parseCallerId(userOfSystem());
  if (named.isOk()) return named.value;
  const fallback = parseCallerId('operator');
  if (fallback.isErr()) throw new Error('an operator has no valid name');
  return fallback.value;
}

/** A container's user may have a number and no name. */
function userOfSystem(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
