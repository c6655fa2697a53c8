// Turns a call that takes an abort signal into an observable: unsubscribing aborts the call. Adds no time limit.
import { from, Observable, switchMap, take } from 'rxjs';

/**
 * Runs `act` once per subscription and emits its one result; unsubscribing fires its signal. Errors when `act`
 * rejects.
 */
export const observableCall = <T>(act: (signal: AbortSignal) => PromiseLike<T>): Observable<T> =>
  new Observable<AbortController>((subscriber) => {
    const controller = new AbortController();
    subscriber.next(controller);
    return () => {
      controller.abort();
    };
  }).pipe(
    switchMap(({ signal }) => from(act(signal))),
    take(1),
  );
