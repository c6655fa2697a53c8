// Who runs a command, for the audit log: the user of the operating system.
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { parseCallerId, type CallerId } from '../../../domain/ids.js';
import type { ChangeAuthor } from '../../../ports/audit-log.js';

/** One per run: all audit entries of a run have the same request id. */
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

/** Empty when the user has a number but no name, as in a container. */
function userOfSystem(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
