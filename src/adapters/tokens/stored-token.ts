// What is known of a bearer token, without its secret, and whether it is good at a moment.
import type { Grant, Permission } from '../../domain/access/caller.js';
import type { IdPattern } from '../../domain/access/id-pattern.js';
import type { CallerId } from '../../domain/ids.js';

/** Times are milliseconds since 1970; without `expiresMs` it never expires. */
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

/** Good from its first moment to before its last; a revocation is good for ever. */
export function tokenState(token: StoredToken, nowMs: number): TokenState {
  if (token.revokedMs !== undefined) return 'revoked';
  if (token.expiresMs !== undefined && nowMs >= token.expiresMs) return 'expired';
  return nowMs < token.notBeforeMs ? 'not-yet-valid' : 'live';
}

/** What the token itself allows. */
export const grantOf = ({ publicId, permissions, ids }: StoredToken): Grant => ({
  source: `token ${publicId}`,
  permissions,
  ids,
  deny: [],
});
