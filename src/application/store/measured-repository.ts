// The store, with every call told to telemetry: which one, how long it took, how it ended. Changes nothing of what the store
// answers. A read that was cut off ends as `store.unavailable` where its time was over, and as `call.aborted` where nobody waited
// any more; a write, as the port says, as `store.outcome-unknown`.
import type { ResultAsync } from 'neverthrow';
import type { StoreUnavailable } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { StoreOperation, Telemetry } from '../../ports/telemetry.js';
import { deadlinePassed } from '../resilience/with-deadline.js';

export class MeasuredRepository implements KeyRepository {
  constructor(
    private readonly repository: KeyRepository,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
  ) {}

  find(...asked: Parameters<KeyRepository['find']>): ReturnType<KeyRepository['find']> {
    return this.measured('find', asked, () => this.repository.find(...asked));
  }

  insert(...asked: Parameters<KeyRepository['insert']>): ReturnType<KeyRepository['insert']> {
    return this.measured('insert', asked, () => this.repository.insert(...asked));
  }

  addCiphertexts(
    ...asked: Parameters<KeyRepository['addCiphertexts']>
  ): ReturnType<KeyRepository['addCiphertexts']> {
    return this.measured('update', asked, () => this.repository.addCiphertexts(...asked));
  }

  dropCiphertexts(
    ...asked: Parameters<KeyRepository['dropCiphertexts']>
  ): ReturnType<KeyRepository['dropCiphertexts']> {
    return this.measured('update', asked, () => this.repository.dropCiphertexts(...asked));
  }

  count(...asked: Parameters<KeyRepository['count']>): ReturnType<KeyRepository['count']> {
    return this.measured('page', asked, () => this.repository.count(...asked));
  }

  page(...asked: Parameters<KeyRepository['page']>): ReturnType<KeyRepository['page']> {
    return this.measured('page', asked, () => this.repository.page(...asked));
  }

  genesis(...asked: Parameters<KeyRepository['genesis']>): ReturnType<KeyRepository['genesis']> {
    return this.measured('genesis', asked, () => this.repository.genesis(...asked));
  }

  initialise(...asked: Parameters<KeyRepository['initialise']>): ReturnType<KeyRepository['initialise']> {
    return this.measured('initialise', asked, () => this.repository.initialise(...asked));
  }

  private measured<T, F extends { readonly kind: string }>(
    operation: StoreOperation,
    asked: readonly unknown[],
    call: () => ResultAsync<T, F>,
  ): ResultAsync<T, F> {
    const startedMs = this.clock.monotonicMs();
    const told = (ended?: F): void => {
      const durationMs = this.clock.monotonicMs() - startedMs;
      const failure = ended?.kind === 'call.aborted' && hadItsTime(asked) ? timedOut : ended;
      this.telemetry.record({ event: 'store.answered', operation, durationMs, ...(failure && { failure }) });
    };
    return call()
      .map((value) => {
        told();
        return value;
      })
      .mapErr((failure) => {
        told(failure);
        return failure;
      });
  }
}

const timedOut: StoreUnavailable = { kind: 'store.unavailable', reason: 'timed-out' };

/** Whether the signal, which every call ends with, says that the time of the call was over. */
function hadItsTime(asked: readonly unknown[]): boolean {
  const signal = asked.at(-1);
  return signal instanceof AbortSignal && signal.reason === deadlinePassed;
}
