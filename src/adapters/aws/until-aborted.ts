// The SDK heeds an abort signal on the network only, not while it waits for credentials. Here a call ends when its signal
// fires, whatever it was waiting for.
import { err, errAsync, ResultAsync, type Result } from 'neverthrow';

/** What `act` answers, or `onAbort` as soon as the signal fires; `act` does not begin when it has fired already. */
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
