// Concurrent calls for one name share one execution. Each waiter gets its own copy of the result (the last one the
// original, so that no copy is left over) and may leave at any time; an execution without waiters is aborted.
import { err, ok, type Result } from 'neverthrow';

/** How one result is given to many waiters. */
export interface Sharing<T> {
  readonly copy: (value: T) => T;
  /** Wipes a result that has no waiter left. */
  readonly discard: (value: T) => void;
}

interface Execution<T, F> {
  readonly result: PromiseLike<Result<T, F>>;
  readonly controller: AbortController;
  waiters: number;
}

export class SingleFlight<T, F> {
  private readonly running = new Map<string, Execution<T, F>>();

  constructor(
    private readonly sharing: Sharing<T>,
    private readonly aborted: F,
  ) {}

  /** Whether `join` with this name would wait for an execution that is already running. */
  has(name: string): boolean {
    return this.running.has(name);
  }

  /**
   * The result of the running execution `name`; `start` begins one if there is none. When `signal` fires, this waiter
   * gets the failure `aborted`, and the others go on waiting.
   */
  join(
    name: string,
    signal: AbortSignal,
    start: (signal: AbortSignal) => PromiseLike<Result<T, F>>,
  ): Promise<Result<T, F>> {
    const execution = this.running.get(name) ?? this.begin(name, start);
    execution.waiters += 1;
    return this.wait(name, execution, signal);
  }

  private begin(name: string, start: (signal: AbortSignal) => PromiseLike<Result<T, F>>): Execution<T, F> {
    const controller = new AbortController();
    const execution: Execution<T, F> = { result: start(controller.signal), controller, waiters: 0 };
    this.running.set(name, execution);
    const ended = (): void => {
      this.forget(name, execution);
    };
    execution.result.then(ended, ended);
    return execution;
  }

  private wait(name: string, execution: Execution<T, F>, signal: AbortSignal): Promise<Result<T, F>> {
    return new Promise((resolve, reject) => {
      let waiting = true;
      const stopWaiting = (): void => {
        waiting = false;
        execution.waiters -= 1;
        signal.removeEventListener('abort', leave);
      };
      const leave = (): void => {
        stopWaiting();
        if (execution.waiters === 0) this.abandon(name, execution);
        resolve(err(this.aborted));
      };
      signal.addEventListener('abort', leave);
      if (signal.aborted) leave();
      execution.result.then((result) => {
        if (!waiting) return;
        stopWaiting();
        const isLast = execution.waiters === 0;
        resolve(result.isErr() || isLast ? result : ok(this.sharing.copy(result.value)));
      }, reject);
    });
  }

  /** Without waiters, the execution is aborted; a result that comes all the same is discarded. */
  private abandon(name: string, execution: Execution<T, F>): void {
    this.forget(name, execution);
    execution.controller.abort();
    execution.result.then(
      (result) => {
        if (result.isOk()) this.sharing.discard(result.value);
      },
      () => undefined,
    );
  }

  private forget(name: string, execution: Execution<T, F>): void {
    if (this.running.get(name) === execution) this.running.delete(name);
  }
}
