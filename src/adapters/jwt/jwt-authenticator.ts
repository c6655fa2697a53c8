// Authenticates by tokens of configured issuers: form, issuer, algorithm and type first, then the signature, then what the
// token claims, then whom it speaks for. Whatever is wrong, the refusal is the same.
import { jwtVerify } from 'jose';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import type { Caller } from '../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';
import type { IssuerKeys } from './issuer-keys.js';
import type { Algorithm } from './key-set.js';
import { callerByServiceAccount, callerBySubject, type Claims, type JwtSubject } from './jwt-subjects.js';
import { unverifiedJwt, type UnverifiedJwt } from './unverified-jwt.js';

export interface Issuer {
  /** Compared byte for byte with the claim `iss`. */
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly Algorithm[];
  /** Callers are service accounts, and tokens need not say their type. */
  readonly kubernetes: boolean;
  /** The longest time from `iat` to `exp`, in seconds. */
  readonly maxLifetimeS: number;
  readonly keys: Pick<IssuerKeys, 'find'>;
}

/** How far the issuer's clock may be from ours, in seconds. */
const toleranceS = 30;
const types = ['jwt', 'at+jwt', 'application/at+jwt'];
const failed: AuthenticationFailed = { kind: 'authentication.failed' };

export class JwtAuthenticator implements Authenticator {
  readonly #issuers: ReadonlyMap<string, Issuer>;

  constructor(
    issuers: readonly Issuer[],
    private readonly subjects: readonly JwtSubject[],
    private readonly clock: Clock,
  ) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  }

  /** The caller without a grant of the token's own: what it may do is in the configuration alone. */
  authenticate({ authorization }: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const [header, second] = authorization;
    const jwt = second === undefined ? unverifiedJwt(header) : undefined;
    const issuer = jwt && this.#issuers.get(jwt.issuer);
    const alg = issuer?.algorithms.find((allowed) => allowed === jwt?.alg);
    if (!jwt || !issuer || !alg || !hasRightType(jwt, issuer)) return errAsync(failed);
    return ResultAsync.fromPromise(this.verified(jwt, issuer, alg), () => failed).andThen((claims) => {
      const id = claims && this.callerOf(issuer, claims);
      return id === undefined ? errAsync(failed) : okAsync({ id, method: 'jwt', grants: [] } as const);
    });
  }

  /** Rejects, as jose does, or is undefined for what must not be believed. */
  private async verified(
    { text, kid }: UnverifiedJwt,
    { issuer, audience, maxLifetimeS, keys }: Issuer,
    alg: Algorithm,
  ): Promise<Claims | undefined> {
    const key = await keys.find({ alg, kid });
    if (key === undefined) return undefined;
    const nowMs = this.clock.nowMs();
    const { payload } = await jwtVerify(text, key, {
      algorithms: [alg],
      issuer,
      audience,
      requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub'],
      clockTolerance: toleranceS,
      currentDate: new Date(nowMs),
    });
    return isSane(payload, nowMs / 1_000, maxLifetimeS) ? payload : undefined;
  }

  private callerOf({ issuer, kubernetes }: Issuer, claims: Claims): CallerId | undefined {
    return (kubernetes ? callerByServiceAccount : callerBySubject)(this.subjects, issuer, claims);
  }
}

/** Kubernetes writes no type. Others must, because an issuer's tokens for other purposes have another one. */
const hasRightType = ({ typ }: UnverifiedJwt, { kubernetes }: Issuer): boolean =>
  typ === undefined ? kubernetes : types.includes(typ);

/** What jose leaves open: made in the past, for a bounded time, and with nothing but texts for whom it is meant. */
function isSane({ iat, nbf, exp, aud, sub }: Claims, nowS: number, maxLifetimeS: number): boolean {
  if (typeof iat !== 'number' || typeof exp !== 'number' || typeof sub !== 'string' || sub === '')
    return false;
  const times = [iat, exp, ...(typeof nbf === 'number' ? [nbf] : [])];
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return (
    times.every((time) => Number.isFinite(time) && time >= 0) &&
    iat <= nowS + toleranceS &&
    exp > iat &&
    exp - iat <= maxLifetimeS &&
    audiences.every((audience) => typeof audience === 'string')
  );
}
