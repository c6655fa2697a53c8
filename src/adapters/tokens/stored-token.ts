// A bearer token as the token file has it, without its secret, and its state at a given time.
import type { Grant, Permission } from '../../domain/access/caller.js';
import type { IdPattern } from '../../domain/access/id-pattern.js';
import type { CallerId } from '../../domain/ids.js';

/** Times are in milliseconds since 1970. A token without `expiresMs` never expires. */
export interface StoredToken {
  readonly publicId: string;
  /** SHA-256 of the secret's text, 32 bytes. */
  readonly secretDigest: Buffer;
  readonly caller: CallerId;
  readonly permissions: ReadonlySet<Permission>;
  readonly ids: readonly IdPattern[];
  readonly notBeforeMs: number;
  readonly expiresMs?: number | undefined;
  readonly revokedMs?: number | undefined;
}

export type TokenState = 'live' | 'not-yet-valid' | 'expired' | 'revoked';

/** `live` from `notBeforeMs` (included) to `expiresMs` (not included). A revoked token is never live again. */
export function tokenState(token: StoredToken, nowMs: number): TokenState {
  if (token.revokedMs !== undefined) return 'revoked';
  if (token.expiresMs !== undefined && nowMs >= token.expiresMs) return 'expired';
  return nowMs < token.notBeforeMs ? 'not-yet-valid' : 'live';
}

/** The permissions of the token itself. The configuration can only restrict them further. */
export const grantOf = ({ publicId, permissions, ids }: StoredToken): Grant => ({
  source: `token ${publicId}`,
  permissions,
  ids,
  deny: [],
});
