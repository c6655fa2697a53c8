// The one way in which the application talks to vaults: every call is bounded in time, and its outcome is reported to
// the region guide and to telemetry. Decides which region is next, never what the answer means.
import { err, errAsync, ok, type Result, type ResultAsync } from 'neverthrow';
import { afterVaultFailure, type FailedAttempt, type VaultFailure } from '../domain/failures.js';
import type { Region } from '../domain/ids.js';
import type { Clock } from '../ports/clock.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { Telemetry, VaultCall, VaultOperation } from '../ports/telemetry.js';
import { bounded } from './bounded.js';
import type { RegionGuide } from './region-guide.js';

export interface RegionCallSettings {
  /** How long one call to one region may take, in milliseconds. */
  readonly attemptTimeoutMs: number;
}

/** What to do in a region, and how to throw its answer away. */
export interface RegionAct<T> {
  readonly operation: VaultOperation;
  readonly run: (vault: KeyVault, signal: AbortSignal) => ResultAsync<T, VaultFailure>;
  readonly discard?: (late: T) => void;
}

/** An answer and the region that gave it. */
export interface RegionAnswer<T> {
  readonly region: Region;
  readonly value: T;
}

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };
const aborted: VaultFailure = { kind: 'call.aborted' };

export class RegionCalls {
  constructor(
    readonly vaults: readonly KeyVault[],
    private readonly guide: RegionGuide,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: RegionCallSettings,
  ) {}

  /** The configured regions, in order of preference. */
  get regions(): readonly Region[] {
    return this.vaults.map(({ region }) => region);
  }

  /** One call to one region. */
  call<T>(vault: KeyVault, act: RegionAct<T>, signal: AbortSignal): ResultAsync<T, VaultFailure> {
    const { clock, settings } = this;
    // Says nothing about the region, so nobody is told.
    if (signal.aborted) return errAsync(aborted);
    const startedMs = clock.monotonicMs();
    const report = (failure?: VaultFailure): void => {
      const durationMs = clock.monotonicMs() - startedMs;
      this.report(
        { event: 'vault.call', region: vault.region, operation: act.operation, durationMs },
        failure,
      );
    };
    return bounded((attemptSignal) => act.run(vault, attemptSignal), {
      clock,
      timeoutMs: settings.attemptTimeoutMs,
      signal,
      onTimeout: timedOut,
      onAbort: aborted,
      ...(act.discard && { discard: act.discard }),
    })
      .map((value) => {
        report();
        return value;
      })
      .mapErr((failure) => {
        report(failure);
        return failure;
      });
  }

  /** Tries the regions for which `has` holds, one after the other, until one answers or a failure is final. */
  async firstAnswer<T>(
    act: RegionAct<T>,
    signal: AbortSignal,
    has: (region: Region) => boolean = () => true,
  ): Promise<Result<RegionAnswer<T>, readonly FailedAttempt[]>> {
    const attempts: FailedAttempt[] = [];
    for (const vault of this.inOrder(has)) {
      const answer = await this.call(vault, act, signal);
      if (answer.isOk()) return ok({ region: vault.region, value: answer.value });
      attempts.push({ region: vault.region, failure: answer.error });
      if (afterVaultFailure(answer.error) === 'stop') break;
    }
    return err(attempts);
  }

  private inOrder(has: (region: Region) => boolean): readonly KeyVault[] {
    return this.guide
      .order()
      .filter(has)
      .flatMap((region) => this.vaults.find((vault) => vault.region === region) ?? []);
  }

  private report(call: VaultCall, failure: VaultFailure | undefined): void {
    const finished: VaultCall = failure ? { ...call, failure } : call;
    this.guide.report(finished);
    this.telemetry.record(finished);
  }
}
