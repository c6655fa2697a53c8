// Calls to single regions for scans, which no request waits for: a transient failure is tried again after a pause, and a
// region that is down is skipped for a while, so that a scan does not wait for it at every key.
import { err, type Result } from 'neverthrow';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionAct, RegionCalls } from '../regions/region-calls.js';
import { pause } from '../../domain/pause.js';

const maxAttempts = 3;
/** Upper bound of the random pause before the second attempt; doubles before the third. */
const firstPauseMs = 400;
/** After this many failures in a row a region is skipped, except for one call every `recheckAfterMs`. */
const skippedAfter = 5;
const recheckAfterMs = 5_000;

interface Outage {
  readonly failuresInRow: number;
  readonly last: VaultFailure;
  recheckAtMs: number;
}

/** Remembers outages across calls: use one instance per scan. */
export class RetryingCalls {
  private readonly outages = new Map<Region, Outage>();

  constructor(
    private readonly calls: Pick<RegionCalls, 'call'>,
    private readonly clock: Clock,
  ) {}

  /** Fails with the last failure; for a region that is skipped, with its last failure and without a call. */
  async call<T>(vault: KeyVault, act: RegionAct<T>, signal: AbortSignal): Promise<Result<T, VaultFailure>> {
    let attempt = 0;
    for (;;) {
      attempt += 1;
      const outage = this.skippedFor(vault.region);
      if (outage) return err(outage);
      const result = await this.calls.call(vault, act, signal);
      if (result.isOk()) {
        this.outages.delete(vault.region);
        return result;
      }
      this.recordFailure(vault.region, result.error);
      if (!isTransient(result.error) || attempt === maxAttempts || signal.aborted) return result;
      await pause(this.clock, this.clock.random() * firstPauseMs * 2 ** (attempt - 1), signal);
    }
  }

  /** The last failure of a region that is down; undefined when it may be called, once in a while to recheck it. */
  private skippedFor(region: Region): VaultFailure | undefined {
    const outage = this.outages.get(region);
    const nowMs = this.clock.monotonicMs();
    if (outage === undefined || outage.failuresInRow < skippedAfter) return undefined;
    if (nowMs < outage.recheckAtMs) return outage.last;
    outage.recheckAtMs = nowMs + recheckAfterMs;
    return undefined;
  }

  /** Any answer but `region.unavailable` proves that the region is reachable. */
  private recordFailure(region: Region, last: VaultFailure): void {
    if (last.kind !== 'region.unavailable') {
      this.outages.delete(region);
      return;
    }
    const failuresInRow = (this.outages.get(region)?.failuresInRow ?? 0) + 1;
    const recheckAtMs = this.clock.monotonicMs() + recheckAfterMs;
    this.outages.set(region, { failuresInRow, last, recheckAtMs });
  }
}

/** Whether the same call may succeed a moment later. */
export const isTransient = ({ kind }: VaultFailure): boolean =>
  kind === 'region.unavailable' || kind === 'region.throttled';
