// Authenticates tokens (JWT) of configured issuers: form, issuer, algorithm and type first, then the signature, then the
// claims, then the caller. A refusal has one word as its reason, for the log; it never contains anything of the token.
import { errors, jwtVerify } from 'jose';
import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import type { Caller } from '../../domain/access/caller.js';
import type {
  AuthenticationFailed,
  AuthenticationFailureReason,
} from '../../domain/failures/key-failures.js';
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
  /** Callers are Kubernetes service accounts, whose tokens have no type. */
  readonly kubernetes: boolean;
  /** Maximum time from `iat` to `exp`, in seconds. */
  readonly maxLifetimeS: number;
  readonly keys: Pick<IssuerKeys, 'find'>;
}

/** Accepted difference between the issuer's clock and this one, in seconds. */
const toleranceS = 30;
const types = ['jwt', 'at+jwt', 'application/at+jwt'];

export class JwtAuthenticator implements Authenticator {
  readonly #issuers: ReadonlyMap<string, Issuer>;

  constructor(
    issuers: readonly Issuer[],
    private readonly subjects: readonly JwtSubject[],
    private readonly clock: Clock,
  ) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  }

  /** The caller without grants: the configuration alone decides what the caller may do. */
  authenticate({ authorization }: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const [header, second] = authorization;
    const jwt = second === undefined ? unverifiedJwt(header) : undefined;
    if (jwt === undefined) return errAsync(refused('malformed'));
    const issuer = this.#issuers.get(jwt.issuer);
    if (issuer === undefined) return errAsync(refused('issuer'));
    const alg = issuer.algorithms.find((allowed) => allowed === jwt.alg);
    if (alg === undefined) return errAsync(refused('algorithm'));
    if (!hasRightType(jwt, issuer)) return errAsync(refused('type'));
    return new ResultAsync(this.verified(jwt, issuer, alg)).andThen((claims) => {
      const id = this.callerOf(issuer, claims);
      return id === undefined
        ? err(refused('subject'))
        : ok({ id, method: 'jwt', grants: [] } satisfies Caller);
    });
  }

  private async verified(
    { text, kid }: UnverifiedJwt,
    { issuer, audience, maxLifetimeS, keys }: Issuer,
    alg: Algorithm,
  ): Promise<Result<Claims, AuthenticationFailed>> {
    const key = await keys.find({ alg, kid });
    if (key === undefined) return err(refused('key'));
    const nowMs = this.clock.nowMs();
    try {
      const { payload } = await jwtVerify(text, key, {
        algorithms: [alg],
        issuer,
        audience,
        requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub'],
        clockTolerance: toleranceS,
        currentDate: new Date(nowMs),
      });
      const reason = problemIn(payload, nowMs / 1_000, maxLifetimeS);
      return reason === undefined ? ok(payload) : err(refused(reason));
    } catch (cause) {
      return err(refused(reasonOf(cause)));
    }
  }

  private callerOf({ issuer, kubernetes }: Issuer, claims: Claims): CallerId | undefined {
    return (kubernetes ? callerByServiceAccount : callerBySubject)(this.subjects, issuer, claims);
  }
}

const refused = (reason: AuthenticationFailureReason): AuthenticationFailed => ({
  kind: 'authentication.failed',
  reason,
});

/** Kubernetes tokens have no type. Other tokens must have one, because issuers also sign tokens for other purposes. */
const hasRightType = ({ typ }: UnverifiedJwt, { kubernetes }: Issuer): boolean =>
  typ === undefined ? kubernetes : types.includes(typ);

/** :: claim that jose refused -> the reason */
const reasonByClaim: ReadonlyMap<string, AuthenticationFailureReason> = new Map([
  ['iss', 'issuer'],
  ['aud', 'audience'],
  ['sub', 'subject'],
]);

/** jose checks the signature before the claims. Any error that is about neither is about the key. */
function reasonOf(cause: unknown): AuthenticationFailureReason {
  if (cause instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (cause instanceof errors.JWTExpired) return 'expired';
  if (cause instanceof errors.JWTClaimValidationFailed) return reasonByClaim.get(cause.claim) ?? 'lifetime';
  return 'key';
}

/** Checks that jose does not make: bounded lifetime, sensible times, a subject, and only texts as audiences. */
function problemIn(
  { iat, nbf, exp, aud, sub }: Claims,
  nowS: number,
  maxLifetimeS: number,
): AuthenticationFailureReason | undefined {
  if (typeof sub !== 'string' || sub === '') return 'subject';
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.every((audience) => typeof audience === 'string')) return 'audience';
  if (typeof iat !== 'number' || typeof exp !== 'number') return 'lifetime';
  const times = [iat, exp, ...(typeof nbf === 'number' ? [nbf] : [])];
  const isBounded =
    times.every((time) => Number.isFinite(time) && time >= 0) &&
    iat <= nowS + toleranceS &&
    exp > iat &&
    exp - iat <= maxLifetimeS;
  return isBounded ? undefined : 'lifetime';
}
