// The SDK heeds an abort signal on the network only, not while it waits for credentials. Here a call ends when its signal
// fires, whatever it was waiting for.
import { errAsync, ResultAsync, type Result } from 'neverthrow';

/** What `act` answers, or `onAbort` as soon as the signal fires; `act` does not begin when it has fired already. */
export function untilAborted<T, F>(
  signal: AbortSignal,
  onAbort: NoInfer<F>,
  act: () => ResultAsync<T, F>,
): ResultAsync<T, F> {
  if (signal.aborted) return errAsync(onAbort);
  const gone = Promise.withResolvers<ResultAsync<T, F>>();
  const leave = (): void => {
    gone.resolve(errAsync(onAbort));
  };
  signal.addEventListener('abort', leave, { once: true });
  const finished: Promise<Result<T, F>> = Promise.race([act(), gone.promise]);
  return new ResultAsync(
    finished.finally(() => {
      signal.removeEventListener('abort', leave);
    }),
  );
}
