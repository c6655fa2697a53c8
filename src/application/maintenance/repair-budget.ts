// How many calls background repair may make in each region. Every call that serves a request earns a small fraction of a
// repair call in that region, and time earns a little more so that an idle service repairs too. No repair begins in debt.
import { TokenBucket } from '../../domain/token-bucket.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';

/** Calls that one repair makes in a region: verify the copy, open the key, encrypt it, decrypt the new copy. */
export const callsPerRepair = 4;

/** With `earnedPerMs`: at most 5 % of the calls to a region that gets 400 or more a second. */
export const earnedPerCall = 0.04;
/** One repair every second in a region without requests; KMS allows thousands of calls a second. */
export const earnedPerMs = callsPerRepair / 1_000;
const maxSaved = 2 * callsPerRepair;

export class RepairBudget {
  /** :: region -> calls that repair may make there */
  private readonly calls: ReadonlyMap<Region, TokenBucket>;
  private filledAtMs: number;

  constructor(
    regions: readonly Region[],
    private readonly clock: Clock,
  ) {
    this.calls = new Map(regions.map((region) => [region, new TokenBucket(maxSaved, callsPerRepair)]));
    this.filledAtMs = clock.monotonicMs();
  }

  /** Records a call that was made for a request. */
  readonly earn = (region: Region): void => {
    this.calls.get(region)?.add(earnedPerCall);
  };

  /** Records a call that was made for a repair. A repair that makes more calls than planned delays the next ones. */
  readonly spend = (region: Region): void => {
    this.calls.get(region)?.spend();
  };

  /** Whether every region has saved enough calls for one repair. */
  mayBegin(): boolean {
    const nowMs = this.clock.monotonicMs();
    const buckets = [...this.calls.values()];
    for (const bucket of buckets) bucket.add((nowMs - this.filledAtMs) * earnedPerMs);
    this.filledAtMs = nowMs;
    return buckets.every((bucket) => bucket.missing(callsPerRepair) === 0);
  }
}
