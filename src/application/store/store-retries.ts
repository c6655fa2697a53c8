// Repeats calls to the store that failed in passing, after random pauses, within the time limit of the call and a budget. Never
// repeats a call late, so that it ends with the store's own failure, and never hides that a write may have happened (I8).
import type { Err, Result, ResultAsync } from 'neverthrow';
import { TokenBucket } from '../../domain/token-bucket.js';
import type { Clock } from '../../ports/clock.js';
import { pause } from '../../domain/pause.js';

/** With 30 % of the calls failing, one call in a thousand fails six times. */
const maxTries = 6;
/** Full jitter: the pause is random between 0 and this (ms), which doubles with each try up to the second number. */
const firstPauseMs = 20;
const maxPauseMs = 100;
/** Each call earns half a repetition: enough for 30 % failures, and a store that is down gets at most half as many calls more. */
const repetitionsPerCall = 0.5;
const maxSaved = 100;

export interface RepeatedCall<T, F> {
  readonly run: () => ResultAsync<T, F>;
  /** Whether the same call may succeed a moment later, and does no harm if the failed one succeeded after all. */
  readonly mayRepeat: (failure: F) => boolean;
  /** After half of this time (ms), a failure is not repeated. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One instance for all calls that share the budget. */
export class StoreRetries {
  private readonly budget = new TokenBucket(maxSaved);

  constructor(private readonly clock: Clock) {}

  /** The first success, or the last failure; `store.outcome-unknown` if any failure was that. */
  async repeat<T, F extends { readonly kind: string }>(call: RepeatedCall<T, F>): Promise<Result<T, F>> {
    const { clock, budget } = this;
    const untilMs = clock.monotonicMs() + call.timeoutMs / 2;
    budget.add(repetitionsPerCall);
    let unknown: Err<T, F> | undefined;
    let tried = 0;
    const isLast = (failure: F): boolean =>
      tried === maxTries ||
      call.signal.aborted ||
      !call.mayRepeat(failure) ||
      clock.monotonicMs() >= untilMs ||
      !budget.take();
    for (;;) {
      const result = await call.run();
      tried += 1;
      if (result.isOk()) return result;
      if (result.error.kind === 'store.outcome-unknown') unknown ??= result;
      if (isLast(result.error)) return unknown ?? result;
      await pause(clock, clock.random() * Math.min(maxPauseMs, firstPauseMs * 2 ** (tried - 1)), call.signal);
      if (call.signal.aborted) return unknown ?? result;
    }
  }
}
