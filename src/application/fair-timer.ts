// A timer that judges others by their silence, and gives once more as much time as this process was too busy to look, so that
// a region is never blamed for it.
import { owedMs } from '../domain/fair-time.js';
import type { Clock } from '../ports/clock.js';

/** Calls `fire` once, after `delayMs` in which an answer would have been noticed, unless the returned function is called before. */
export function scheduleFairly(clock: Clock, delayMs: number, fire: () => void): () => void {
  const dueMs = clock.monotonicMs() + delayMs;
  let cancel = clock.schedule(delayMs, () => {
    const moreMs = owedMs(clock.monotonicMs() - dueMs, delayMs);
    if (moreMs === 0) fire();
    else cancel = clock.schedule(moreMs, fire);
  });
  return () => {
    cancel();
  };
}
