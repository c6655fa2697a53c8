// One answer from several regions, as early as possible without asking all of them: the first region begins, the next when
// it fails or when it has been silent for longer than it usually is (a hedged request). The first good answer wins, the
// calls still under way are dropped, and an answer that comes too late for the race is thrown away.
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { AfterFailure, VaultFailure } from '../../domain/failures/region-failures.js';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { Effort } from '../../ports/telemetry.js';

/** One region's part in the race. */
export interface Candidate<T, F = VaultFailure> {
  readonly region: Region;
  /** After how long without an answer the next region is asked as well. */
  readonly hedgeAfterMs: number;
  /** Ends when the signal fires; what it answers later is its own affair. `isHedge`: others are silent for too long. */
  readonly run: (signal: AbortSignal, isHedge: boolean) => ResultAsync<T, F>;
}

/** An answer and the region that gave it. */
export interface RegionAnswer<T> {
  readonly region: Region;
  readonly value: T;
}

/** The first good answer, and what it took. */
export type AnswerWithEffort<T> = RegionAnswer<T> & Effort;

/** A region that gave no answer, and why. */
export interface Attempt<F> {
  readonly region: Region;
  readonly failure: F;
}

export interface RaceRules<T, F = VaultFailure> {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Asked when a region has had its time, and again and again while the answer is no: may `next` be asked as well? */
  readonly mayHedge: (silent: Region, next: Region) => boolean;
  /** Whether another region may still answer after this failure. */
  readonly after: (failure: F) => AfterFailure;
  /** Receives an answer that did not win, to wipe what is in it. */
  readonly discard?: ((late: T) => void) | undefined;
}

/** The reason with which a lane's signal fires when another one won after it had been given its time. */
export const hedgeLost = Symbol('hedge-lost');

export type RaceResult<T, F = VaultFailure> = Result<RegionAnswer<T>, readonly Attempt<F>[]>;

/** Ends as soon as a lane answers, a failure is final, or all lanes have failed; never throws unless a lane does. */
export function hedgedRace<T, F = VaultFailure>(
  lanes: readonly Candidate<T, F>[],
  rules: RaceRules<T, F>,
): Promise<RaceResult<T, F>> {
  return new Promise((resolve, reject) => {
    new Race(lanes, rules, resolve, reject).startNext();
  });
}

/** How soon a hedge that was denied is asked for again, in milliseconds. */
const hedgeAgainMs = 20;

interface Runner {
  readonly controller: AbortController;
  hedged: boolean;
  cancelHedge: () => void;
}

class Race<T, F> {
  private readonly attempts: Attempt<F>[] = [];
  private readonly running = new Set<Runner>();
  private started = 0;
  private over = false;

  constructor(
    private readonly lanes: readonly Candidate<T, F>[],
    private readonly rules: RaceRules<T, F>,
    private readonly resolve: (result: RaceResult<T, F>) => void,
    private readonly reject: (bug: unknown) => void,
  ) {
    rules.signal.addEventListener('abort', this.leave);
  }

  startNext(isHedge = false): void {
    const lane = this.lanes[this.started];
    if (lane === undefined) {
      if (this.running.size === 0) this.finish(err(this.attempts));
      return;
    }
    this.started += 1;
    const runner: Runner = { controller: new AbortController(), hedged: false, cancelHedge: () => undefined };
    this.running.add(runner);
    this.hedgeAfter(lane.hedgeAfterMs, lane.region, runner);
    if (this.rules.signal.aborted) runner.controller.abort();
    const run = async (): Promise<Result<T, F>> => lane.run(runner.controller.signal, isHedge);
    run().then(
      (result) => {
        this.ended(lane, runner, result);
      },
      (bug: unknown) => {
        runner.cancelHedge();
        this.running.delete(runner);
        this.end();
        this.reject(bug);
      },
    );
  }

  private hedge(region: Region, runner: Runner): void {
    runner.hedged = true;
    const next = this.lanes[this.started];
    if (next === undefined) return;
    if (this.rules.mayHedge(region, next.region)) this.startNext(true);
    else this.hedgeAfter(hedgeAgainMs, region, runner);
  }

  private hedgeAfter(delayMs: number, region: Region, runner: Runner): void {
    runner.cancelHedge = scheduleStallAware(this.rules.clock, delayMs, () => {
      this.hedge(region, runner);
    });
  }

  private ended(lane: Candidate<T, F>, runner: Runner, result: Result<T, F>): void {
    runner.cancelHedge();
    this.running.delete(runner);
    if (this.over) result.map((late) => this.rules.discard?.(late));
    else if (result.isOk()) this.finish(ok({ region: lane.region, value: result.value }));
    else this.failed({ region: lane.region, failure: result.error });
  }

  private failed(attempt: Attempt<F>): void {
    this.attempts.push(attempt);
    if (this.rules.after(attempt.failure) === 'stop') this.finish(err(this.attempts));
    // Another one that is still within its time may answer yet; those that had theirs are not waited for.
    else if ([...this.running].every(({ hedged }) => hedged)) this.startNext();
  }

  private readonly leave = (): void => {
    for (const { controller } of this.running) controller.abort();
  };

  private finish(result: RaceResult<T, F>): void {
    this.resolve(result);
    this.end();
  }

  /** Drops the calls that are still under way. */
  private end(): void {
    this.over = true;
    this.rules.signal.removeEventListener('abort', this.leave);
    for (const { controller, hedged, cancelHedge } of this.running) {
      cancelHedge();
      controller.abort(hedged ? hedgeLost : undefined);
    }
  }
}
