// The SDK obeys an abort signal on the network only, not while it waits for credentials. This ends a call of the SDK as soon as
// its signal fires.
import { err, errAsync, ResultAsync, type Result } from 'neverthrow';

/** The result of `act`, or `onAbort` as soon as the signal fires. Does not start `act` when the signal has fired already. */
export function untilAborted<T, F>(
  signal: AbortSignal,
  onAbort: NoInfer<F>,
  act: () => ResultAsync<T, F>,
): ResultAsync<T, F> {
  if (signal.aborted) return errAsync(onAbort);
  return new ResultAsync(
    new Promise<Result<T, F>>((resolve, reject) => {
      const leave = (): void => {
        resolve(err(onAbort));
      };
      const stay = (): void => {
        signal.removeEventListener('abort', leave);
      };
      signal.addEventListener('abort', leave);
      act().then(resolve, reject).then(stay, stay);
    }),
  );
}
