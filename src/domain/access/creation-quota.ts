// How many keys may be created for one caller. A token bucket limits how fast it may try, whatever comes of it; a number per
// day limits slow floods and counts only keys that were created. Never uses the time of day, which may jump: times are
// monotonic.
import { TokenBucket } from '../token-bucket.js';

export interface CreationLimits {
  /** How fast the bucket refills, in keys per second. */
  readonly perSecond: number;
  /** How many keys a full bucket holds. */
  readonly burst: number;
  /** In 24 hours, which begin with the first key. */
  readonly perDay: number;
}

/**
 * Enough for the first day of an application that creates a key for each of its users, and small against what a loop by
 * mistake may cost: 50 keys a second are 350 calls a second to KMS in three regions (the lowest quota of a region is
 * 5,500), and 100,000 keys cost about 2 USD.
 */
export const defaultCreationLimits: CreationLimits = { perSecond: 50, burst: 1_000, perDay: 100_000 };

/** The limit that refuses a key: `rate` is `burst` and `perSecond`, `day` is `perDay`. */
export type CreationLimit = 'rate' | 'day';

export interface CreationRefused {
  readonly limit: CreationLimit;
  /** Until the limit allows a key again; at most 24 hours for `day`. */
  readonly retryAfterMs: number;
}

const dayMs = 86_400_000;

/** One caller's quota. It starts full. Times are monotonic, in milliseconds. */
export class CreationQuota {
  private readonly tries: TokenBucket;
  private filledAtMs: number;
  private dayBeganMs: number;
  private countToday = 0;

  constructor(
    private readonly limits: CreationLimits,
    atMs: number,
  ) {
    this.tries = new TokenBucket(limits.burst);
    this.filledAtMs = atMs;
    this.dayBeganMs = atMs;
  }

  /** Counts a key that is about to be created, and returns what takes it back if none was. Or refuses and counts nothing. */
  take(atMs: number): CreationRefused | (() => void) {
    this.tries.add(((atMs - this.filledAtMs) / 1_000) * this.limits.perSecond);
    this.filledAtMs = atMs;
    if (this.countToday === 0 || atMs - this.dayBeganMs >= dayMs) {
      this.dayBeganMs = atMs;
      this.countToday = 0;
    }
    if (this.countToday >= this.limits.perDay) {
      return { limit: 'day', retryAfterMs: Math.ceil(this.dayBeganMs + dayMs - atMs) };
    }
    const missing = this.tries.missing(1);
    if (missing > 0) {
      return { limit: 'rate', retryAfterMs: Math.ceil((missing / this.limits.perSecond) * 1_000) };
    }
    this.tries.spend();
    this.countToday += 1;
    const countedOnMs = this.dayBeganMs;
    return () => {
      if (this.dayBeganMs === countedOnMs) this.countToday -= 1;
    };
  }
}
