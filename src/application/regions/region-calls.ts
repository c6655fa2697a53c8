// Calls to the KMS of single regions: each one is limited in time by the region's own pace, and its outcome is reported to
// the region selector and to telemetry. Never decides which regions to call, nor what an answer means.
import type { Result } from 'neverthrow';
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
  /**
   * Requests have a deadline: then a call that takes longer than an attempt may is not cut off, but other regions are
   * called as well. Work without a deadline must not set it, because a region that never answers would end nothing.
   */
  readonly hasDeadline?: boolean;
  /** How long encrypting and reading back may take at least (ms): they are slower and rarer than the measured reads. */
  readonly minProofMs?: number;
  /** Called when a call begins, for a budget to count it. */
  readonly onCall?: (region: Region) => void;
}

/** What to do in a region, for which key, and how to throw an answer away that comes too late. */
export interface RegionAct<T> {
  readonly operation: VaultOperation;
  readonly keyId: KeyId;
  readonly run: (vault: KeyVault, signal: AbortSignal) => PromiseLike<Result<T, VaultFailure>>;
  readonly discard?: (late: T) => void;
}

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };
const aborted: VaultFailure = { kind: 'call.aborted' };

export class RegionCalls {
  readonly attempts: RegionAttempts;
  /** The configured regions, in order of preference. */
  readonly regions: readonly Region[];

  constructor(
    readonly vaults: readonly KeyVault[],
    readonly selector: RegionSelector,
    readonly clock: Clock,
    private readonly telemetry: Telemetry,
    readonly settings: RegionCallSettings,
    tracer?: Tracer,
  ) {
    this.attempts = new RegionAttempts(selector, clock, tracer);
    this.regions = vaults.map(({ region }) => region);
  }

  /** Throws for a region that is not configured: that is a bug. */
  vaultIn(region: Region): KeyVault {
    const found = this.vaults.find((vault) => vault.region === region);
    if (found === undefined) throw new Error(`there is no vault in ${region}`);
    return found;
  }

  /** Whether the region is known not to answer now. */
  isEjected(region: Region): boolean {
    return this.selector.isEjected(region);
  }

  /**
   * One call to one region; `isHedge` when it is made because another region is slow to answer. With `onOverdue`, and
   * where requests have a deadline, the call is not cut off when its time is over: `onOverdue` is called instead.
   */
  call<T>(
    vault: KeyVault,
    { operation, keyId, run, discard }: RegionAct<T>,
    signal: AbortSignal,
    isHedge = false,
    onOverdue?: () => void,
  ): Promise<Result<T, VaultFailure>> {
    const { region } = vault;
    const { hasDeadline = false } = this.settings;
    return this.attempts.make({
      region,
      signal,
      span: { name: `region.${operation}`, facts: { 'rkms.region': region, 'rkms.hedge': isHedge } },
      timeoutMs: this.timeoutMs(region, operation),
      onOverdue: hasDeadline ? onOverdue : undefined,
      onTimeout: timedOut,
      onAbort: aborted,
      discard,
      run: (own) => {
        this.settings.onCall?.(region);
        return run(vault, own);
      },
      faultOf: (failure) => failure,
      onEnd: ({ durationMs, fault: failure, wasPaused }) => {
        const ended = {
          event: 'vault.call',
          region,
          operation,
          keyId,
          durationMs,
          ...(isHedge && { hedge: true as const }),
          ...(failure && { failure }),
        } as const;
        this.selector.report(wasPaused && !failure ? { ...ended, durationMs: NaN } : ended);
        this.telemetry.record(ended);
      },
    });
  }

  private timeoutMs(region: Region, operation: VaultOperation): number {
    const { attemptTimeoutMs } = this.selector.pace(region);
    const isProof = operation === 'encrypt' || operation === 'read-back';
    return isProof ? Math.max(attemptTimeoutMs, this.settings.minProofMs ?? 0) : attemptTimeoutMs;
  }
}
