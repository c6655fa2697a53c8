// Calls to the KMS of single regions: each one is limited in time by the region's own pace, and its outcome is reported to
// the region selector and to telemetry. Never decides which regions to call, nor what an answer means.
import type { ResultAsync } from 'neverthrow';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { KeyId, Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Telemetry, VaultOperation } from '../../ports/telemetry.js';
import type { Tracer } from '../../ports/tracer.js';
import { RegionAttempts } from './region-attempts.js';
import type { RegionSelector } from './region-selector.js';

export interface RegionCallSettings {
  /** Before the regions are tried a second time: a random pause between these two, in milliseconds. */
  readonly minPauseMs: number;
  readonly maxPauseMs: number;
  /** Called when a call begins, for a budget to count it. */
  readonly onCall?: (region: Region) => void;
}

/** What to do in a region, for which key, and how to throw an answer away that comes too late. */
export interface RegionAct<T> {
  readonly operation: VaultOperation;
  readonly keyId: KeyId;
  readonly run: (vault: KeyVault, signal: AbortSignal) => ResultAsync<T, VaultFailure>;
  readonly discard?: (late: T) => void;
}

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };
const aborted: VaultFailure = { kind: 'call.aborted' };

export class RegionCalls {
  readonly attempts: RegionAttempts;

  constructor(
    readonly vaults: readonly KeyVault[],
    readonly selector: RegionSelector,
    readonly clock: Clock,
    private readonly telemetry: Telemetry,
    readonly settings: RegionCallSettings,
    tracer?: Tracer,
  ) {
    this.attempts = new RegionAttempts(selector, clock, tracer);
  }

  /** The configured regions, in order of preference. */
  get regions(): readonly Region[] {
    return this.vaults.map(({ region }) => region);
  }

  /** Whether the region is known not to answer now. */
  isEjected(region: Region): boolean {
    return this.selector.isEjected(region);
  }

  /** One call to one region; `isHedge` when it is made because another region is slow to answer. */
  call<T>(
    vault: KeyVault,
    { operation, keyId, run, discard }: RegionAct<T>,
    signal: AbortSignal,
    isHedge = false,
  ): ResultAsync<T, VaultFailure> {
    const { region } = vault;
    return this.attempts.make({
      region,
      signal,
      span: { name: `region.${operation}`, facts: { 'rkms.region': region, 'rkms.hedge': isHedge } },
      timeoutMs: this.selector.pace(region).attemptTimeoutMs,
      onTimeout: timedOut,
      onAbort: aborted,
      discard,
      run: (own) => {
        this.settings.onCall?.(region);
        return run(vault, own);
      },
      faultOf: (failure) => failure,
      onEnd: ({ durationMs, fault: failure }) => {
        const ended = {
          event: 'vault.call',
          region,
          operation,
          keyId,
          durationMs,
          ...(isHedge && { hedge: true as const }),
          ...(failure && { failure }),
        } as const;
        this.selector.report(ended);
        this.telemetry.record(ended);
      },
    });
  }
}
