// A bound on how much is done at the same time. Nobody waits for a slot: where none is free the work is refused at once,
// because a queue in front of a service that has too much to do only makes it later.
import { err, errAsync, ok, type Result, type ResultAsync } from 'neverthrow';
import type { ServiceOverloaded } from '../../domain/failures/key-failures.js';

const full: ServiceOverloaded = { kind: 'service.overloaded' };

export class ConcurrencyLimit {
  private taken = 0;

  constructor(private readonly count: number) {}

  /** How many are taken now. */
  get inUse(): number {
    return this.taken;
  }

  /** A slot, and how to give it back; giving it back twice is giving it back once. */
  take(): Result<() => void, ServiceOverloaded> {
    if (this.taken >= this.count) return err(full);
    this.taken += 1;
    let held = true;
    return ok(() => {
      if (held) this.taken -= 1;
      held = false;
    });
  }

  /** Does `act` in a slot, which is free again when it has ended. */
  run<T, F>(act: () => ResultAsync<T, F>): ResultAsync<T, F | ServiceOverloaded> {
    const slot = this.take();
    if (slot.isErr()) return errAsync(slot.error);
    const done = act();
    done.then(slot.value, slot.value);
    return done;
  }
}
