// Changes to the token file, one at a time: two commands at once both take effect. A change reads the file, and replaces
// it as a whole; a file that is not understood is never replaced.
import { OperatorError } from '../system/operator-error.js';
import { whileLocked } from '../files/exclusive-lock.js';
import { readPrivateFile, replacePrivateFile } from '../files/private-files.js';
import { tokenState, type StoredToken } from './stored-token.js';
import { readTokens, textOf } from './token-entries.js';

/** One in use, and one to take its place: more would be tokens that nobody looks after. */
const mostPerCaller = 2;
/** How long a dead token is still listed. */
const keptMs = 90 * 86_400_000;

/** Adds a token, making the file if there is none. Refuses a caller's third that is good, now or later. */
export function addToken(path: string, token: StoredToken, nowMs: number): void {
  change(path, nowMs, (tokens) => {
    if (tokens.some(({ publicId }) => publicId === token.publicId)) return { tokens, result: undefined };
    const rivals = tokens.filter(({ caller }) => caller === token.caller).filter(isUsable(nowMs));
    if (rivals.length >= mostPerCaller) throw tooMany(token, rivals);
    return { tokens: [...tokens, token], result: undefined };
  });
}

/** Revokes a token for good and answers with it; one that was revoked before stays as it is. */
export function revokeToken(path: string, publicId: string, nowMs: number): StoredToken {
  // Before a lock is made beside a file that is not there.
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
    const { tokens, result } = act(before.filter((token) => !isForgotten(token, nowMs)));
    replacePrivateFile(path, textOf(tokens));
    return result;
  });
}

const isUsable =
  (nowMs: number) =>
  (token: StoredToken): boolean => {
    const state = tokenState(token, nowMs);
    return state === 'live' || state === 'not-yet-valid';
  };

const isForgotten = ({ expiresMs = Infinity, revokedMs = Infinity }: StoredToken, nowMs: number): boolean =>
  nowMs >= Math.min(expiresMs, revokedMs) + keptMs;

const unknown = new OperatorError(
  'there is no token with this public id; nothing was revoked',
  'see the public ids with: rkms token list',
);

const tooMany = ({ caller }: StoredToken, rivals: readonly StoredToken[]): OperatorError =>
  new OperatorError(
    `"${caller}" has ${rivals.length} good tokens already: ${rivals.map(({ publicId }) => publicId).join(', ')}`,
    'revoke the one that is no longer used: rkms token revoke <public id>',
  );
