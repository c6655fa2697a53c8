// Limits how much work runs at the same time. Without a free slot the work is refused at once: there is no queue,
// because in an overloaded service a queue only makes every answer later.
import { err, errAsync, ok, type Result, type ResultAsync } from 'neverthrow';
import type { ServiceOverloaded } from '../../domain/failures/key-failures.js';

const full: ServiceOverloaded = { kind: 'service.overloaded' };

export class ConcurrencyLimit {
  private used = 0;

  constructor(private readonly count: number) {}

  /** How many slots are in use now. */
  get inUse(): number {
    return this.used;
  }

  /** Takes a slot and returns the function that frees it; calling that again has no effect. */
  take(): Result<() => void, ServiceOverloaded> {
    if (this.used >= this.count) return err(full);
    this.used += 1;
    let held = true;
    return ok(() => {
      if (held) this.used -= 1;
      held = false;
    });
  }

  /** Runs `act` in a slot, which is freed when `act` ends, also when it rejects. */
  run<T, F>(act: () => ResultAsync<T, F>): ResultAsync<T, F | ServiceOverloaded> {
    const slot = this.take();
    if (slot.isErr()) return errAsync(slot.error);
    const done = act();
    done.then(slot.value, slot.value);
    return done;
  }
}
