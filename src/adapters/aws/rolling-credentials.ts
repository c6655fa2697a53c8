// The credentials with which AWS calls are signed: fetched in the background ahead of their expiry, each fetch within a time
// limit, so that a request never waits for a credential provider while the present credentials are valid. A fetch that hangs
// is abandoned and another one is started: the SDK's own memoised provider would wait for the first for ever.
import type { Clock } from '../../ports/clock.js';
import { credentialsError, providerTimedOut, type CredentialsError } from './credentials-error.js';
import type { AwsCredentials } from './sigv4.js';

/** Asks the provider chain once, from the beginning; each call is independent of calls that hang. */
export type FetchCredentials = () => Promise<AwsCredentials>;

/** Credentials are renewed this long before they expire, as the SDK does; those with a shorter life at half of it (ms). */
const renewBeforeExpiryMs = 300_000;
/** How long one fetch may take (ms). IMDS, ECS and EKS agents answer within milliseconds, STS within a second. */
const fetchTimeoutMs = 3_000;
/** Between fetches that fail: doubling from the first; the last holds while the present credentials are valid (ms). */
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
/** ... and this one when there are none, so that calls succeed soon after the provider is back (ms). */
const maxRetryWithoutMs = 5_000;

export interface FailedRenewal {
  readonly error: CredentialsError;
  /** How long the present credentials are still valid (s). */
  readonly validForS: number;
}

export class RollingCredentials {
  private present: AwsCredentials | undefined;
  private plannedAtMs = -Infinity;
  private renewAtMs = -Infinity;
  private failures = 0;
  private lastError: unknown;
  private fetching: Promise<AwsCredentials> | undefined;

  constructor(
    private readonly fetch: FetchCredentials,
    private readonly clock: Clock,
    /** Called when a renewal fails while the present credentials still serve calls; afterwards, calls report the failure. */
    private readonly onRenewalFailed: (failed: FailedRenewal) => void = () => undefined,
  ) {}

  /** The present credentials while they are valid; starts a renewal in the background when one is due. */
  current(): AwsCredentials | undefined {
    const nowMs = this.clock.nowMs();
    // A clock that was set back, because it was ahead when the renewal was planned, makes the plan void.
    const isDue = nowMs >= this.renewAtMs || nowMs < this.plannedAtMs;
    if (isDue && this.fetching === undefined) this.renewInBackground();
    return isValid(this.present, nowMs) ? this.present : undefined;
  }

  /** The present credentials, or those of the fetch under way. Rejects with a `CredentialsError`, at once between retries. */
  async get(): Promise<AwsCredentials> {
    const valid = this.current();
    if (valid !== undefined) return valid;
    if (this.fetching !== undefined) return this.fetching;
    throw this.lastError;
  }

  /** Other credentials than `refused`, which AWS did not accept; undefined when the provider has none. */
  async replace(refused: AwsCredentials): Promise<AwsCredentials | undefined> {
    if (this.present !== undefined && !isSame(this.present, refused)) return this.present;
    try {
      const fetched = await (this.fetching ?? this.renew());
      return isSame(fetched, refused) ? undefined : fetched;
    } catch {
      return undefined;
    }
  }

  private renewInBackground(): void {
    this.renew().catch(() => undefined);
  }

  /** One fetch at a time; calls that need its result share it. */
  private renew(): Promise<AwsCredentials> {
    this.fetching = withinTime(this.fetch, this.clock).then(
      (fetched) => this.accept(fetched),
      (error: unknown) => this.reject(error),
    );
    return this.fetching;
  }

  private accept(fetched: AwsCredentials): AwsCredentials {
    const nowMs = this.clock.nowMs();
    const lifeMs = fetched.expiration ? fetched.expiration.getTime() - nowMs : Infinity;
    // An unchanged object keeps the signing key that was derived from it.
    this.present = this.present !== undefined && isSame(this.present, fetched) ? this.present : fetched;
    this.planRenewal(nowMs, Math.max(lifeMs - renewBeforeExpiryMs, lifeMs / 2, firstRetryMs));
    this.failures = 0;
    this.fetching = undefined;
    return this.present;
  }

  private reject(cause: unknown): never {
    const error = credentialsError(cause);
    const nowMs = this.clock.nowMs();
    const isServing = isValid(this.present, nowMs);
    const most = isServing ? maxRetryMs : maxRetryWithoutMs;
    const delayMs = Math.min(firstRetryMs * 2 ** this.failures, most);
    this.failures += 1;
    this.lastError = error;
    const expiresMs = this.present?.expiration?.getTime();
    if (isServing && expiresMs !== undefined)
      this.onRenewalFailed({ error, validForS: Math.round((expiresMs - nowMs) / 1_000) });
    this.planRenewal(nowMs, delayMs * (0.5 + this.clock.random() / 2));
    this.fetching = undefined;
    throw error;
  }

  private planRenewal(nowMs: number, delayMs: number): void {
    this.plannedAtMs = nowMs;
    this.renewAtMs = nowMs + delayMs;
  }
}

function withinTime(fetch: FetchCredentials, clock: Clock): Promise<AwsCredentials> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(fetchTimeoutMs, () => {
      reject(providerTimedOut(fetchTimeoutMs));
    });
    fetch().then(resolve, reject).finally(cancel);
  });
}

const isValid = (credentials: AwsCredentials | undefined, nowMs: number): boolean =>
  credentials !== undefined &&
  (credentials.expiration === undefined || credentials.expiration.getTime() > nowMs);

const isSame = (one: AwsCredentials, other: AwsCredentials): boolean =>
  one.accessKeyId === other.accessKeyId &&
  one.secretAccessKey === other.secretAccessKey &&
  one.sessionToken === other.sessionToken &&
  one.expiration?.getTime() === other.expiration?.getTime();
