// The one way in which the application talks to the store: every call is bounded in time. A read that takes too long
// failed; a write that takes too long may have happened, and is never reported as either (I8).
import type { ResultAsync } from 'neverthrow';
import type { StoreReadFailure, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import { withDeadline } from '../resilience/with-deadline.js';

export interface StoreCallSettings {
  /** How long one call to the store may take, in milliseconds. */
  readonly storeTimeoutMs: number;
}

export class StoreCalls {
  constructor(
    private readonly repository: KeyRepository,
    private readonly clock: Clock,
    private readonly settings: StoreCallSettings,
  ) {}

  read<T>(
    act: (store: KeyRepository, signal: AbortSignal) => ResultAsync<T, StoreReadFailure>,
    signal: AbortSignal,
  ): ResultAsync<T, StoreReadFailure> {
    return withDeadline<T, StoreReadFailure>((own) => act(this.repository, own), {
      ...this.bounds(signal),
      onTimeout: { kind: 'store.unavailable', reason: 'timed-out' },
      onAbort: { kind: 'call.aborted' },
    });
  }

  write<T>(
    act: (store: KeyRepository, signal: AbortSignal) => ResultAsync<T, StoreWriteFailure>,
    signal: AbortSignal,
  ): ResultAsync<T, StoreWriteFailure> {
    return this.change<T, never>(act, signal);
  }

  /** A write that may also be refused with an `F`, as one by compare-and-set. */
  change<T, F>(
    act: (store: KeyRepository, signal: AbortSignal) => ResultAsync<T, StoreWriteFailure | F>,
    signal: AbortSignal,
  ): ResultAsync<T, StoreWriteFailure | F> {
    return withDeadline<T, StoreWriteFailure | F>((own) => act(this.repository, own), {
      ...this.bounds(signal),
      onTimeout: { kind: 'store.outcome-unknown', reason: 'timed-out' },
      onAbort: { kind: 'store.outcome-unknown', cause: 'aborted' },
    });
  }

  private bounds(signal: AbortSignal): { clock: Clock; timeoutMs: number; signal: AbortSignal } {
    return { clock: this.clock, timeoutMs: this.settings.storeTimeoutMs, signal };
  }
}
