// Calls to the store as a whole: each one is limited in time, repeated when it failed in passing, traced, and reported to
// telemetry. A read that takes too long has failed; a write that takes too long may have happened, and is never reported as
// done or as not done (I8).
import { errAsync, ResultAsync, type Result } from 'neverthrow';
import type {
  StoreOutcomeUnknown,
  StoreReadFailure,
  StoreUnavailable,
  StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { CallAborted } from '../../domain/failures/region-failures.js';
import type { KeyId, KeyVersion } from '../../domain/ids.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { StoreOperation, Telemetry } from '../../ports/telemetry.js';
import type { Tracer } from '../../ports/tracer.js';
import { traced, untraced } from '../resilience/spans.js';
import { withDeadline } from '../resilience/with-deadline.js';
import { StoreRetries } from './store-retries.js';

export interface StoreCallSettings {
  /** How long one call to the store may take, in milliseconds. */
  readonly storeTimeoutMs: number;
  /** Whether calls that failed in passing are repeated within that time. */
  readonly repeats?: boolean;
  /** Whether the store is known to be this deployment's. While it is not, every read fails. */
  readonly isVerified?: () => boolean;
}

/** One call to the store: its name in metrics and traces, and how to make it. */
export interface StoreAct<T, F> {
  readonly operation: StoreOperation;
  readonly run: (store: KeyRepository, signal: AbortSignal) => ResultAsync<T, F>;
}

/** Reads one record. */
export const findRecord = (
  id: KeyId,
  version: KeyVersion,
): StoreAct<KeyRecord | undefined, StoreReadFailure> => ({
  operation: 'find',
  run: (store, signal) => store.find(id, version, signal),
});

/** Reads the genesis record, which names the deployment that the store belongs to. */
export const readGenesis: StoreAct<Genesis | undefined, StoreReadFailure> = {
  operation: 'genesis',
  run: (store, signal) => store.genesis(signal),
};

/** The failures of a call that was cut off: by its deadline, or because its result is no longer needed. */
export interface CutOff<F> {
  readonly onTimeout: F;
  readonly onAbort: F;
}
export const cutOffRead: CutOff<StoreUnavailable | CallAborted> = {
  onTimeout: { kind: 'store.unavailable', reason: 'timed-out' },
  onAbort: { kind: 'call.aborted' },
};
export const cutOffWrite: CutOff<StoreOutcomeUnknown> = {
  onTimeout: { kind: 'store.outcome-unknown', reason: 'timed-out' },
  onAbort: { kind: 'store.outcome-unknown', cause: 'aborted' },
};

const notVerified: StoreUnavailable = { kind: 'store.unavailable' };

export class StoreCalls {
  private readonly retries: StoreRetries;

  constructor(
    private readonly repository: KeyRepository,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: StoreCallSettings,
    private readonly tracer: Tracer = untraced,
  ) {
    this.retries = new StoreRetries(clock);
  }

  read<T>(act: StoreAct<T, StoreReadFailure>, signal: AbortSignal): ResultAsync<T, StoreReadFailure> {
    // Every creation and every change reads first, so nothing is written either.
    if (this.settings.isVerified?.() === false) return errAsync(notVerified);
    return this.call(act, cutOffRead, signal);
  }

  /** A write may also be refused with an `F` of its own, as one by compare-and-set. */
  write<T, F extends StoreFailureKind = never>(
    act: StoreAct<T, StoreWriteFailure | F>,
    signal: AbortSignal,
  ): ResultAsync<T, StoreWriteFailure | F> {
    return this.call(act, cutOffWrite, signal);
  }

  private call<T, F extends StoreFailureKind>(
    { operation, run }: StoreAct<T, F>,
    cutOff: CutOff<F>,
    signal: AbortSignal,
  ): ResultAsync<T, F> {
    if (signal.aborted) return errAsync(cutOff.onAbort);
    const { repository, clock, telemetry, settings } = this;
    const startedMs = clock.monotonicMs();
    const bounds = { clock, timeoutMs: settings.storeTimeoutMs, signal, ...cutOff };
    const repeated = (own: AbortSignal): Promise<Result<T, F>> =>
      this.retries.repeat({
        run: () => run(repository, own),
        mayRepeat: (failure) => settings.repeats === true && isInPassing(failure, operation),
        timeoutMs: settings.storeTimeoutMs,
        signal: own,
      });
    const recorded = async (): Promise<Result<T, F>> => {
      const result = await withDeadline(repeated, bounds);
      const durationMs = clock.monotonicMs() - startedMs;
      const failed = result.isErr() && { failure: result.error };
      telemetry.record({ event: 'store.answered', operation, durationMs, ...failed });
      return result;
    };
    return traced(this.tracer, `store.${operation}`, {}, recorded);
  }
}

/**
 * Reads, and writes that surely did not happen. A write that may have happened is repeated only where a second one does no
 * harm: both answer with the record that is there afterwards.
 */
const isInPassing = ({ kind }: StoreFailureKind, operation: StoreOperation): boolean =>
  kind === 'store.unavailable' ||
  kind === 'store.throttled' ||
  (kind === 'store.outcome-unknown' && (operation === 'insert' || operation === 'initialise'));

interface StoreFailureKind {
  readonly kind: string;
}
