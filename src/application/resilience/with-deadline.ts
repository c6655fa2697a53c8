// Ends a call that may never end by itself: with its answer, at its deadline, or when its result is no longer needed,
// whichever comes first. Never relies on the called side to obey the signal: a KMS or store that hangs cannot hang a request.
import { err, type Result } from 'neverthrow';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Clock } from '../../ports/clock.js';

export interface Bounds<T, F> {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Fires when the result is no longer needed. Undefined: only the deadline ends the call. */
  readonly signal: AbortSignal | undefined;
  readonly onTimeout: F;
  readonly onAbort: F;
  /** Present: after `timeoutMs` this is called, and the call goes on until `signal` fires. */
  readonly onOverdue?: (() => void) | undefined;
  /** Receives an answer that came too late, to wipe what is in it. */
  readonly discard?: ((late: T) => void) | undefined;
}

/**
 * Runs `act` with a signal that fires at the deadline or when the result is no longer needed. Time during
 * which this process was stalled does not count towards `timeoutMs`. Rejects only when `act` throws, which is a bug.
 */
export function withDeadline<T, F>(
  act: (signal: AbortSignal) => PromiseLike<Result<T, F>>,
  { clock, timeoutMs, signal, onTimeout, onAbort, onOverdue, discard }: Bounds<T, F>,
): Promise<Result<T, F>> {
  return new Promise((resolve, reject) => {
    // A call that is not cut off at its deadline ends with the caller's signal alone.
    const cutOff = onOverdue && signal ? undefined : new AbortController();
    let open = true;
    const close = (): void => {
      open = false;
      cancelTimer();
      signal?.removeEventListener('abort', leave);
    };
    const giveUp = (failure: F): void => {
      if (!open) return;
      close();
      resolve(err(failure));
      cutOff?.abort();
    };
    const leave = (): void => {
      giveUp(onAbort);
    };
    const late = (): void => {
      giveUp(onTimeout);
    };
    const ended = (result: Result<T, F>): void => {
      if (open) {
        close();
        resolve(result);
      } else if (result.isOk()) {
        discard?.(result.value);
      }
    };
    const threw = (cause: unknown): void => {
      close();
      reject(new Error('a bounded call threw', { cause }));
    };
    const cancelTimer = scheduleStallAware(clock, timeoutMs, onOverdue ?? late);
    signal?.addEventListener('abort', leave);
    if (signal?.aborted) {
      leave();
      return;
    }
    try {
      act(cutOff?.signal ?? signal ?? neverFires).then(ended, threw);
    } catch (cause) {
      threw(cause);
    }
  });
}

const neverFires = new AbortController().signal;
