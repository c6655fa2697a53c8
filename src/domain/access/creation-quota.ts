// How many keys may be created for one caller: a token bucket limits bursts, and a number per day (UTC) limits slow floods.
// Each new key costs calls to every region for as long as it exists. The quota never reads a clock: time is an argument.
import { TokenBucket } from '../token-bucket.js';

export interface CreationLimits {
  /** How fast the bucket refills, in keys per second. */
  readonly perSecond: number;
  /** How many keys a full bucket holds. */
  readonly burst: number;
  readonly perDay: number;
}

/** Stops a caller that creates keys in a loop; enough for an application that creates one key per new customer. */
export const defaultCreationLimits: CreationLimits = { perSecond: 1, burst: 10, perDay: 1_000 };

/** The same moment on both clocks: `monotonicMs` measures durations, `nowMs` (since 1970, UTC) says which day it is. */
export interface Moment {
  readonly monotonicMs: number;
  readonly nowMs: number;
}

const dayMs = 86_400_000;

/** One caller's quota. It starts full. */
export class CreationQuota {
  private readonly keys: TokenBucket;
  private filledAtMs: number;
  /** Days since 1970. */
  private day: number;
  private createdToday = 0;

  constructor(
    private readonly limits: CreationLimits,
    { monotonicMs, nowMs }: Moment,
  ) {
    this.keys = new TokenBucket(limits.burst);
    this.filledAtMs = monotonicMs;
    this.day = Math.floor(nowMs / dayMs);
  }

  /** Takes one key and returns 0, or takes nothing and returns how many milliseconds to wait until one is available. */
  take(at: Moment): number {
    this.refill(at);
    if (this.createdToday >= this.limits.perDay) return (this.day + 1) * dayMs - at.nowMs;
    const missing = this.keys.missing(1);
    if (missing > 0) return Math.ceil((missing / this.limits.perSecond) * 1_000);
    this.keys.spend();
    this.createdToday += 1;
    return 0;
  }

  private refill({ monotonicMs, nowMs }: Moment): void {
    this.keys.add(((monotonicMs - this.filledAtMs) / 1_000) * this.limits.perSecond);
    this.filledAtMs = monotonicMs;
    const today = Math.floor(nowMs / dayMs);
    // A wall clock that is set back does not start a new day.
    if (today <= this.day) return;
    this.day = today;
    this.createdToday = 0;
  }
}
