// The store, with every call told to telemetry: which one, how long it took, how it ended. Changes nothing of what the store
// answers. A call that was cut off, by its time or because nobody waited, ends as the port says: `call.aborted`, or
// `store.outcome-unknown` for a write.
import type { ResultAsync } from 'neverthrow';
import type { Clock } from '../ports/clock.js';
import type { KeyRepository } from '../ports/key-repository.js';
import type { StoreOperation, Telemetry } from '../ports/telemetry.js';

export class MeasuredRepository implements KeyRepository {
  constructor(
    private readonly repository: KeyRepository,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
  ) {}

  find(...asked: Parameters<KeyRepository['find']>): ReturnType<KeyRepository['find']> {
    return this.measured('find', () => this.repository.find(...asked));
  }

  insert(...asked: Parameters<KeyRepository['insert']>): ReturnType<KeyRepository['insert']> {
    return this.measured('insert', () => this.repository.insert(...asked));
  }

  addCiphertexts(
    ...asked: Parameters<KeyRepository['addCiphertexts']>
  ): ReturnType<KeyRepository['addCiphertexts']> {
    return this.measured('update', () => this.repository.addCiphertexts(...asked));
  }

  dropCiphertexts(
    ...asked: Parameters<KeyRepository['dropCiphertexts']>
  ): ReturnType<KeyRepository['dropCiphertexts']> {
    return this.measured('update', () => this.repository.dropCiphertexts(...asked));
  }

  count(...asked: Parameters<KeyRepository['count']>): ReturnType<KeyRepository['count']> {
    return this.measured('page', () => this.repository.count(...asked));
  }

  page(...asked: Parameters<KeyRepository['page']>): ReturnType<KeyRepository['page']> {
    return this.measured('page', () => this.repository.page(...asked));
  }

  genesis(...asked: Parameters<KeyRepository['genesis']>): ReturnType<KeyRepository['genesis']> {
    return this.measured('genesis', () => this.repository.genesis(...asked));
  }

  initialise(...asked: Parameters<KeyRepository['initialise']>): ReturnType<KeyRepository['initialise']> {
    return this.measured('initialise', () => this.repository.initialise(...asked));
  }

  private measured<T, F extends { readonly kind: string }>(
    operation: StoreOperation,
    call: () => ResultAsync<T, F>,
  ): ResultAsync<T, F> {
    const startedMs = this.clock.monotonicMs();
    const told = (failure?: F): void => {
      const durationMs = this.clock.monotonicMs() - startedMs;
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
