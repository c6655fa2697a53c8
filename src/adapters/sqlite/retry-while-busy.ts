// Retries a call to SQLite while another process holds the file's lock. The pauses are asynchronous: waiting for the lock in
// SQLite itself (`busy_timeout`) would block the event loop, and with it every other request.
import type { Result } from 'neverthrow';
import { pause } from '../../domain/pause.js';
import type { Clock } from '../../ports/clock.js';
import { isBusy } from './sqlite-failures.js';

/** Between two attempts: at first up to 10 ms, later up to 50 ms, with full jitter. In milliseconds. */
const firstPauseMs = 10;
const maxPauseMs = 50;

/**
 * The first result of `act` that is not "busy". After `limitMs`, or when the signal aborts, the last busy one: such a call
 * has written nothing. Must only be used for calls without effect when busy.
 */
export async function retryWhileBusy<T, F extends { readonly kind: string }>(
  act: () => Result<T, F>,
  limitMs: number,
  signal: AbortSignal,
  clock: Clock,
): Promise<Result<T, F>> {
  const endMs = clock.monotonicMs() + limitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
    await pause(clock, pauseMs * clock.random(), signal);
    const result = act();
    if (result.isOk() || !isBusy(result.error)) return result;
    if (signal.aborted || clock.monotonicMs() >= endMs) return result;
  }
}
