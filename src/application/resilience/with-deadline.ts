// Puts an end to a call that may have none: the answer, the time-out or the caller's leaving, whichever comes first.
// It does not rely on the called side to obey the signal, so a vault or store that hangs cannot hang a request.
import { err, ResultAsync, type Result } from 'neverthrow';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Clock } from '../../ports/clock.js';

export interface Bounds<T, F> {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly onTimeout: F;
  readonly onAbort: F;
  /** Receives an answer that came too late, to wipe what is in it. */
  readonly discard?: (late: T) => void;
}

/** The reason with which the signal of `act` fires when its time is over; none when nobody waits any more. */
export const deadlinePassed = Symbol('its time is over');

/** Runs `act` with a signal of its own, which fires as soon as its answer is no longer wanted. */
export function withDeadline<T, F>(
  act: (signal: AbortSignal) => ResultAsync<T, F>,
  bounds: Bounds<T, F>,
): ResultAsync<T, F> {
  return new ResultAsync(
    new Promise<Result<T, F>>((resolve, reject) => {
      const { clock, timeoutMs, signal, onTimeout, onAbort, discard } = bounds;
      const controller = new AbortController();
      let open = true;
      const close = (): void => {
        open = false;
        cancelTimer();
        signal.removeEventListener('abort', leave);
      };
      const giveUp = (failure: F, reason?: symbol): void => {
        if (!open) return;
        close();
        resolve(err(failure));
        controller.abort(reason);
      };
      const leave = (): void => {
        giveUp(onAbort);
      };
      const cancelTimer = scheduleStallAware(clock, timeoutMs, () => {
        giveUp(onTimeout, deadlinePassed);
      });
      signal.addEventListener('abort', leave);
      if (signal.aborted) {
        leave();
        return;
      }
      const run = async (): Promise<Result<T, F>> => act(controller.signal);
      run().then(
        (result) => {
          if (open) {
            close();
            resolve(result);
          } else if (result.isOk()) {
            discard?.(result.value);
          }
        },
        (bug: unknown) => {
          close();
          reject(new Error('a bounded call threw', { cause: bug }));
        },
      );
    }),
  );
}
