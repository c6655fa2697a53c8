// Calls to single regions for work that nobody waits for: what time alone may mend is tried again after a pause, and a
// region that is down is passed over for a while, so that a walk over all keys does not wait for it at every one.
import { err, ResultAsync, type Result } from 'neverthrow';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionAct, RegionCalls } from '../regions/region-calls.js';
import { pause } from '../resilience/pause.js';

const mostTries = 3;
/** The longest pause before the second try, and before the third; full jitter. */
const firstPauseMs = 400;
/** So many failures in a row and the region is passed over, with one call in so many milliseconds to see whether it is back. */
const downAfter = 5;
const askAgainMs = 5_000;

interface Outage {
  readonly inRow: number;
  readonly last: VaultFailure;
  askAtMs: number;
}

export class RetryingCalls {
  private readonly outages = new Map<Region, Outage>();

  constructor(
    private readonly calls: Pick<RegionCalls, 'call'>,
    private readonly clock: Clock,
  ) {}

  call<T>(vault: KeyVault, act: RegionAct<T>, signal: AbortSignal): ResultAsync<T, VaultFailure> {
    return new ResultAsync(this.patiently(vault, act, signal, 1));
  }

  private async patiently<T>(
    vault: KeyVault,
    act: RegionAct<T>,
    signal: AbortSignal,
    tries: number,
  ): Promise<Result<T, VaultFailure>> {
    const down = this.passedOver(vault.region);
    if (down) return err(down);
    const result = await this.calls.call(vault, act, signal);
    this.note(vault.region, result);
    if (result.isOk() || !passes(result.error) || tries === mostTries || signal.aborted) return result;
    await pause(this.clock, this.clock.random() * firstPauseMs * 2 ** (tries - 1), signal);
    return this.patiently(vault, act, signal, tries + 1);
  }

  /** The last failure of a region that is known to be down; now and then one call may see whether it still is. */
  private passedOver(region: Region): VaultFailure | undefined {
    const outage = this.outages.get(region);
    const nowMs = this.clock.monotonicMs();
    if (outage === undefined || outage.inRow < downAfter) return undefined;
    if (nowMs < outage.askAtMs) return outage.last;
    outage.askAtMs = nowMs + askAgainMs;
    return undefined;
  }

  private note(region: Region, result: Result<unknown, VaultFailure>): void {
    if (result.isOk() || result.error.kind !== 'region.unavailable') {
      this.outages.delete(region);
      return;
    }
    const inRow = (this.outages.get(region)?.inRow ?? 0) + 1;
    this.outages.set(region, { inRow, last: result.error, askAtMs: this.clock.monotonicMs() + askAgainMs });
  }
}

/** Whether time alone may mend it. */
export const passes = ({ kind }: VaultFailure): boolean =>
  kind === 'region.unavailable' || kind === 'region.throttled';
