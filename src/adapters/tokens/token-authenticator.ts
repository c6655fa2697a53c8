// Authenticates by hashed bearer tokens. Digests are compared in constant time; the digest of an unknown token is compared
// with one that no token has. So neither the response nor its time reveals which part was wrong; only the log has a reason.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import type { Caller } from '../../domain/access/caller.js';
import type {
  AuthenticationFailed,
  AuthenticationFailureReason,
} from '../../domain/failures/key-failures.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';
import { parseAuthorization } from './bearer-token.js';
import { grantOf, tokenState, type StoredToken } from './stored-token.js';

export interface TokenSource {
  find(publicId: string): StoredToken | undefined;
}

/** Compared with when there is no stored digest. A token matches it with a probability of 2^-256. */
const unmatchable = randomBytes(32);

export class TokenAuthenticator implements Authenticator {
  constructor(
    private readonly tokens: TokenSource,
    private readonly clock: Clock,
  ) {}

  authenticate({ authorization }: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const [header, second] = authorization;
    const offered = second === undefined ? parseAuthorization(header) : undefined;
    const stored = offered && this.tokens.find(offered.publicId);
    const digest = offered?.secretDigest ?? Buffer.alloc(unmatchable.length);
    const same = timingSafeEqual(digest, stored?.secretDigest ?? unmatchable);
    if (offered === undefined) return refused('malformed');
    if (stored === undefined || !same) return refused('unknown');
    const state = tokenState(stored, this.clock.nowMs());
    if (state !== 'live') return refused(state);
    return okAsync({ id: stored.caller, method: 'token', grants: [grantOf(stored)] });
  }
}

const refused = (reason: AuthenticationFailureReason): ResultAsync<never, AuthenticationFailed> =>
  errAsync({ kind: 'authentication.failed', reason });
