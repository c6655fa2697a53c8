// Concurrent calls for one name share one execution, a flight. Each passenger gets a copy of the result of their own (the
// last one the original, so that none is left behind) and may leave at any time; a flight without passengers is aborted.
import { err, ok, ResultAsync, type Result } from 'neverthrow';

/** How to hand one result to many. */
export interface Sharing<T> {
  readonly copy: (value: T) => T;
  /** Wipes a result that nobody will take any more. */
  readonly discard: (value: T) => void;
}

interface Flight<T, F> {
  readonly landed: PromiseLike<Result<T, F>>;
  readonly controller: AbortController;
  passengers: number;
}

export class SingleFlight<T, F> {
  private readonly inTheAir = new Map<string, Flight<T, F>>();

  constructor(
    private readonly sharing: Sharing<T>,
    private readonly aborted: F,
  ) {}

  /** Whether joining `name` now means joining a flight that others began. */
  has(name: string): boolean {
    return this.inTheAir.has(name);
  }

  /** The result of the flight `name`, which `start` begins if there is none. */
  join(
    name: string,
    signal: AbortSignal,
    start: (signal: AbortSignal) => ResultAsync<T, F>,
  ): ResultAsync<T, F> {
    const flight = this.inTheAir.get(name) ?? this.begin(name, start);
    flight.passengers += 1;
    return new ResultAsync(this.ride(name, flight, signal));
  }

  private begin(name: string, start: (signal: AbortSignal) => ResultAsync<T, F>): Flight<T, F> {
    const controller = new AbortController();
    const flight: Flight<T, F> = { landed: start(controller.signal), controller, passengers: 0 };
    this.inTheAir.set(name, flight);
    const gone = (): void => {
      this.forget(name, flight);
    };
    flight.landed.then(gone, gone);
    return flight;
  }

  private ride(name: string, flight: Flight<T, F>, signal: AbortSignal): Promise<Result<T, F>> {
    return new Promise((resolve, reject) => {
      let riding = true;
      const alight = (): void => {
        riding = false;
        flight.passengers -= 1;
        signal.removeEventListener('abort', leave);
      };
      const leave = (): void => {
        alight();
        if (flight.passengers === 0) this.abandon(name, flight);
        resolve(err(this.aborted));
      };
      signal.addEventListener('abort', leave);
      if (signal.aborted) leave();
      flight.landed.then((result) => {
        if (!riding) return;
        alight();
        resolve(result.isErr() || flight.passengers === 0 ? result : ok(this.sharing.copy(result.value)));
      }, reject);
    });
  }

  private abandon(name: string, flight: Flight<T, F>): void {
    this.forget(name, flight);
    flight.controller.abort();
    flight.landed.then(
      (result) => {
        if (result.isOk()) this.sharing.discard(result.value);
      },
      () => undefined,
    );
  }

  private forget(name: string, flight: Flight<T, F>): void {
    if (this.inTheAir.get(name) === flight) this.inTheAir.delete(name);
  }
}
