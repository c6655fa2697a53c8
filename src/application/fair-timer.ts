// A timer that judges others by their silence. When it fires late, this process was busy, and what it waits for may have come
// without being looked at: then as much time is given once more as was lost, so that a region is never blamed for it.
import type { Clock } from '../ports/clock.js';

/** Timers are never exact; later than this (ms) means that something kept the process from looking. */
const usualLatenessMs = 10;

/** Calls `fire` once, after `delayMs` in which an answer would have been noticed, unless the returned function is called before. */
export function scheduleFairly(clock: Clock, delayMs: number, fire: () => void): () => void {
  const dueMs = clock.monotonicMs() + delayMs;
  let cancel = clock.schedule(delayMs, () => {
    const lateMs = clock.monotonicMs() - dueMs;
    if (lateMs <= usualLatenessMs) fire();
    else cancel = clock.schedule(Math.min(lateMs, delayMs), fire);
  });
  return () => {
    cancel();
  };
}
