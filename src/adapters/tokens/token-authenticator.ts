// Authenticates by hashed bearer tokens. Digests are compared in constant time, for unknown ids against one that nothing
// matches, so that neither the answer nor its time tells which part was wrong.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import type { Caller } from '../../domain/caller.js';
import type { AuthenticationFailed } from '../../domain/failures.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';
import { parseAuthorization } from './bearer-token.js';
import type { StoredToken } from './token-file.js';

/** Where tokens are found by their public id. */
export interface TokenSource {
  find(publicId: string): StoredToken | undefined;
}

const matchesNothing = randomBytes(32);

export class TokenAuthenticator implements Authenticator {
  constructor(
    private readonly tokens: TokenSource,
    private readonly clock: Clock,
  ) {}

  authenticate({ authorization }: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const offered = parseAuthorization(authorization);
    const stored = offered && this.tokens.find(offered.publicId);
    const digest = offered?.secretDigest ?? Buffer.alloc(matchesNothing.length);
    const same = timingSafeEqual(digest, stored?.secretDigest ?? matchesNothing);
    return stored && same && this.isCurrent(stored)
      ? okAsync(stored.caller)
      : errAsync({ kind: 'authentication.failed' });
  }

  private isCurrent({ notBeforeMs, expiresMs }: StoredToken): boolean {
    const nowMs = this.clock.nowMs();
    return nowMs >= notBeforeMs && (expiresMs === undefined || nowMs < expiresMs);
  }
}
