// Repair in the background must not be felt: each call to a region that serves requests earns it a small part of a call
// there, and time alone earns a little more, so that an idle service repairs as well. Without savings nothing is begun.
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';

/** What one repair costs in one region: open, open for the others, encrypt, read back. */
export const callsPerRepair = 4;

/** Together at most 5 % of the calls to a region that gets 40 a second or more; one key in ten seconds where it gets none. */
export const earnedPerCall = 0.04;
export const earnedPerMs = callsPerRepair / 10_000;
const mostSaved = 2 * callsPerRepair;

export class RepairBudget {
  private readonly saved: Map<Region, number>;
  private lookedMs: number;

  constructor(
    regions: readonly Region[],
    private readonly clock: Clock,
  ) {
    this.saved = new Map(regions.map((region) => [region, callsPerRepair]));
    this.lookedMs = clock.monotonicMs();
  }

  /** A call was made for a request. */
  readonly earn = (region: Region): void => {
    this.add(region, earnedPerCall);
  };

  /** A call was made for a repair. A repair that took more than it should is paid for by the next ones. */
  readonly spend = (region: Region): void => {
    this.add(region, -1);
  };

  /** Whether there is enough for one repair in every region. */
  mayBegin(): boolean {
    const nowMs = this.clock.monotonicMs();
    for (const region of this.saved.keys()) this.add(region, (nowMs - this.lookedMs) * earnedPerMs);
    this.lookedMs = nowMs;
    return [...this.saved.values()].every((saved) => saved >= callsPerRepair);
  }

  private add(region: Region, calls: number): void {
    this.saved.set(region, Math.min(mostSaved, (this.saved.get(region) ?? 0) + calls));
  }
}
