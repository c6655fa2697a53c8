// Adds and revokes tokens in the token file. A lock between processes makes two concurrent commands both take effect. A
// change replaces the whole file; a file that cannot be parsed must never be replaced.
import { OperatorError } from '../system/operator-error.js';
import { whileLocked } from '../files/exclusive-lock.js';
import { readPrivateFile, replacePrivateFile } from '../files/private-files.js';
import { tokenState, type StoredToken } from './stored-token.js';
import { readTokens, textOf } from './token-entries.js';

/** One in use, and its successor during a rotation. A third would be a token that is no longer used but still valid. */
const maxPerCaller = 2;
/** How long an expired or revoked token stays in the file, for `rkms token list`: 90 days. */
const keptMs = 90 * 86_400_000;

/** Adds a token; creates the file if needed. Refuses a third usable token of one caller. */
export function addToken(path: string, token: StoredToken, nowMs: number): void {
  change(path, nowMs, (tokens) => {
    if (tokens.some(({ publicId }) => publicId === token.publicId)) return { tokens, result: undefined };
    const others = tokens.filter((other) => other.caller === token.caller && isUsable(other, nowMs));
    if (others.length >= maxPerCaller) throw tooMany(token, others);
    return { tokens: [...tokens, token], result: undefined };
  });
}

/** Revokes a token permanently and returns it. A token that is already revoked keeps the time of its first revocation. */
export function revokeToken(path: string, publicId: string, nowMs: number): StoredToken {
  // Fails for a missing file before a lock file is created beside it.
  readTokens(path);
  return change(path, nowMs, (tokens) => {
    const known = tokens.find((token) => token.publicId === publicId);
    if (known === undefined) throw unknown;
    const result = { ...known, revokedMs: known.revokedMs ?? nowMs };
    return { tokens: tokens.map((token) => (token === known ? result : token)), result };
  });
}

interface Change<T> {
  readonly tokens: readonly StoredToken[];
  readonly result: T;
}

function change<T>(path: string, nowMs: number, act: (tokens: readonly StoredToken[]) => Change<T>): T {
  return whileLocked(path, () => {
    const before = readPrivateFile(path) === undefined ? [] : readTokens(path);
    const { tokens, result } = act(before.filter((token) => !isOutdated(token, nowMs)));
    replacePrivateFile(path, textOf(tokens));
    return result;
  });
}

/** Now or later. */
const isUsable = (token: StoredToken, nowMs: number): boolean =>
  ['live', 'not-yet-valid'].includes(tokenState(token, nowMs));

const isOutdated = ({ expiresMs = Infinity, revokedMs = Infinity }: StoredToken, nowMs: number): boolean =>
  nowMs >= Math.min(expiresMs, revokedMs) + keptMs;

const unknown = new OperatorError(
  'there is no token with this public id; nothing was revoked',
  'see the public ids with: rkms token list',
);

const tooMany = ({ caller }: StoredToken, others: readonly StoredToken[]): OperatorError =>
  new OperatorError(
    `"${caller}" already has ${others.length} valid tokens: ${others.map(({ publicId }) => publicId).join(', ')}`,
    'revoke the one that is no longer used: rkms token revoke <public id>',
  );
