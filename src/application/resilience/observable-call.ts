// Between promises that take a signal and observables that are unsubscribed from.
import { from, Observable, switchMap, take } from 'rxjs';

/** Runs `act` once per subscription and emits its answer; unsubscribing fires its signal. */
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
