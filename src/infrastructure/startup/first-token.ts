// The embedded default's first token. The first start creates it in a file that only its owner may read (0600). Prints the
// path of the file, never the token.
import { join } from 'node:path';
import { makeBearerToken, parseAuthorization, type BearerToken } from '../../adapters/tokens/bearer-token.js';
import type { StoredToken } from '../../adapters/tokens/stored-token.js';
import { addToken } from '../../adapters/tokens/token-changes.js';
import { createPrivateFile, readPrivateFile } from '../../adapters/files/private-files.js';
import { parseCallerId, type CallerId } from '../../domain/ids.js';
import { permissions, type Permission } from '../../domain/access/caller.js';
import { everyId, type IdPattern } from '../../domain/access/id-pattern.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Config } from '../config/config.js';

export const firstTokenPath = (config: Config): string => join(config.data_dir, 'token');

/** Creates the first token unless the token file exists. */
export function ensureFirstToken(config: Config, nowMs: number): void {
  if (readPrivateFile(config.auth.tokens_file) !== undefined) return;
  const caller = parseCallerId('local');
  if (caller.isErr()) throw new Error('the first caller has no valid name');
  const path = firstTokenPath(config);
  // The text is written first: after a crash in between, a valid token without its text would be useless. A text that
  // exists stays: it was left by such a crash, or by a process that starts at the same moment.
  createPrivateFile(path, `${makeBearerToken().text}\n`);
  const token = parseAuthorization(`Bearer ${String(readPrivateFile(path)).trimEnd()}`);
  if (token === undefined) {
    throw new OperatorError(`the file ${path} holds no token`, 'remove it; the next start makes a new one');
  }
  const wanted = { caller: caller.value, allow: permissions, ids: [everyId], nowMs };
  addToken(config.auth.tokens_file, stored(token, wanted), nowMs);
}

export interface NewToken {
  readonly caller: CallerId;
  readonly allow: readonly Permission[];
  readonly ids: readonly IdPattern[];
  readonly nowMs: number;
  readonly expiresMs?: number;
}

/** Adds a token to the token file. Its text is stored nowhere. */
export function storeNewToken(config: Config, wanted: NewToken): ReturnType<typeof makeBearerToken> {
  const made = makeBearerToken();
  addToken(config.auth.tokens_file, stored(made, wanted), wanted.nowMs);
  return made;
}

const stored = (
  { publicId, secretDigest }: BearerToken,
  { caller, allow, ids, nowMs, expiresMs }: NewToken,
): StoredToken => ({
  publicId,
  secretDigest,
  caller,
  permissions: new Set(allow),
  ids,
  notBeforeMs: nowMs,
  expiresMs,
});
