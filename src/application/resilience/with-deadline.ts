// Ends a call that may never end by itself: with its answer, at its deadline, or when its result is no longer needed,
// whichever comes first. Never relies on the called side to obey the signal: a KMS or store that hangs cannot hang a request.
import { err, ResultAsync, type Result } from 'neverthrow';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Clock } from '../../ports/clock.js';

export interface Bounds<T, F> {
  readonly clock: Clock;
  /** Undefined: only `signal` ends the call. */
  readonly timeoutMs: number | undefined;
  /** Fires when the result is no longer needed. Undefined: only the deadline ends the call. */
  readonly signal: AbortSignal | undefined;
  readonly onTimeout: F;
  readonly onAbort: F;
  /** Receives an answer that came too late, to wipe what is in it. */
  readonly discard?: ((late: T) => void) | undefined;
}

/**
 * Runs `act` with a signal that fires at the deadline or when the result is no longer needed. Time during
 * which this process was stalled does not count towards `timeoutMs`. Rejects only when `act` throws, which is a bug.
 */
export function withDeadline<T, F>(
  act: (signal: AbortSignal) => PromiseLike<Result<T, F>>,
  bounds: Bounds<T, F>,
): ResultAsync<T, F> {
  return new ResultAsync(
    new Promise<Result<T, F>>((resolve, reject) => {
      const { clock, timeoutMs, signal, onTimeout, onAbort, discard } = bounds;
      // Without a deadline, the caller's signal alone ends the call.
      const [passed, abort] = timeoutMs === undefined && signal ? [signal, ignore] : newSignal();
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
        abort();
      };
      const leave = (): void => {
        giveUp(onAbort);
      };
      const cancelTimer =
        timeoutMs === undefined
          ? ignore
          : scheduleStallAware(clock, timeoutMs, () => {
              giveUp(onTimeout);
            });
      signal?.addEventListener('abort', leave);
      if (signal?.aborted) {
        leave();
        return;
      }
      const run = async (): Promise<Result<T, F>> => act(passed);
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

const ignore = (): void => undefined;

function newSignal(): readonly [AbortSignal, () => void] {
  const controller = new AbortController();
  return [
    controller.signal,
    () => {
      controller.abort();
    },
  ];
}
