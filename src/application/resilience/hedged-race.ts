// One answer from several regions, as early as possible without calling all of them: the first candidate is called at
// once, the next when it fails or when it has not answered for longer than usual (a hedged request). The first good
// answer wins, and the other calls are aborted. Never keeps an answer that lost: it is discarded.
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { AfterFailure, VaultFailure } from '../../domain/failures/region-failures.js';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';

/** One region that can give the answer. */
export interface Candidate<T, F = VaultFailure> {
  readonly region: Region;
  /** After this time without an answer, in milliseconds, the next candidate is called as well. */
  readonly hedgeAfterMs: number;
  /**
   * Must end soon after the signal fires. `isHedge`: it is called because another candidate is slow to answer.
   * `onOverdue`: to be called when it takes longer than an attempt may. The call may go on: the next candidate is
   * called as well, and a late answer still counts.
   */
  readonly run: (signal: AbortSignal, isHedge: boolean, onOverdue: () => void) => ResultAsync<T, F>;
}

/** An answer and the region that gave it. */
export interface RegionAnswer<T> {
  readonly region: Region;
  readonly value: T;
}

/** A region that gave no answer, and why. */
export interface Attempt<F> {
  readonly region: Region;
  readonly failure: F;
}

export interface RaceRules<T, F = VaultFailure> {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /**
   * Whether `next` may be called although `silent` may still answer; while it is false, it is called again every 20
   * ms.
   */
  readonly mayHedge: (silent: Region, next: Region) => boolean;
  /** Whether another region can still answer after this failure. */
  readonly after: (failure: F) => AfterFailure;
  /**
   * Called once, when every candidate has failed or is overdue: resolves with candidates to call as well. The overdue
   * calls go on meanwhile.
   */
  readonly nextRound?: ((failures: readonly Attempt<F>[]) => Promise<readonly Candidate<T, F>[]>) | undefined;
  /** Receives an answer that lost, to wipe it. */
  readonly discard?: ((late: T) => void) | undefined;
}

/** The abort reason of a call that had its time, was hedged, and then lost to another one. */
export const hedgeLost = Symbol('hedge-lost');

export type RaceResult<T, F = VaultFailure> = Result<RegionAnswer<T>, readonly Attempt<F>[]>;

/**
 * Ends as soon as a candidate answers, a failure is final, or all candidates have failed: then with every failure in
 * the order in which they came. Rejects only when a candidate throws, which is a bug.
 */
export function hedgedRace<T, F = VaultFailure>(
  candidates: readonly Candidate<T, F>[],
  rules: RaceRules<T, F>,
): Promise<RaceResult<T, F>> {
  return new Promise((resolve, reject) => {
    new Race(candidates, rules, resolve, reject).startNext();
  });
}

/** After this time, in milliseconds, a refused hedge is tried again. */
const hedgeAgainMs = 20;

/** A candidate's call that is in flight. */
interface Call {
  readonly controller: AbortController;
  hedged: boolean;
  overdue: boolean;
  cancelHedge: () => void;
}

class Race<T, F> {
  private readonly attempts: Attempt<F>[] = [];
  /** `none`: it has not begun; `pending`: its candidates are not known yet. */
  private secondRound: 'none' | 'pending' | 'begun' = 'none';
  private readonly inFlight = new Set<Call>();
  private started = 0;
  private over = false;

  constructor(
    private candidates: readonly Candidate<T, F>[],
    private readonly rules: RaceRules<T, F>,
    private readonly resolve: (result: RaceResult<T, F>) => void,
    private readonly reject: (bug: unknown) => void,
  ) {
    rules.signal.addEventListener('abort', this.abort);
  }

  startNext(isHedge = false): void {
    const candidate = this.candidates[this.started];
    if (candidate === undefined) {
      this.noneLeft();
      return;
    }
    this.started += 1;
    const call: Call = {
      controller: new AbortController(),
      hedged: false,
      overdue: false,
      cancelHedge: () => undefined,
    };
    this.inFlight.add(call);
    this.hedgeAfter(candidate.hedgeAfterMs, candidate.region, call);
    if (this.rules.signal.aborted) call.controller.abort();
    const overdue = (): void => {
      this.overdue(call);
    };
    const run = async (): Promise<Result<T, F>> => candidate.run(call.controller.signal, isHedge, overdue);
    run().then(
      (result) => {
        this.ended(candidate, call, result);
      },
      (bug: unknown) => {
        call.cancelHedge();
        this.inFlight.delete(call);
        this.end();
        this.reject(bug);
      },
    );
  }

  /** Every candidate was called. Without calls in flight and without a second round, the race is lost. */
  private noneLeft(): void {
    if (this.over || ![...this.inFlight].every(({ overdue }) => overdue)) return;
    if (this.secondRound === 'none' && this.rules.nextRound) void this.beginSecondRound(this.rules.nextRound);
    else if (this.secondRound !== 'pending' && this.inFlight.size === 0) this.finish(err(this.attempts));
  }

  private async beginSecondRound(
    nextRound: (failures: readonly Attempt<F>[]) => Promise<readonly Candidate<T, F>[]>,
  ): Promise<void> {
    this.secondRound = 'pending';
    try {
      const more = await nextRound(this.attempts);
      this.secondRound = 'begun';
      if (this.over) return;
      this.candidates = [...this.candidates, ...more];
      this.startNext();
    } catch (bug) {
      this.end();
      this.reject(bug);
    }
  }

  /** The call goes on, but is not waited for. */
  private overdue(call: Call): void {
    call.cancelHedge();
    call.hedged = true;
    call.overdue = true;
    if (!this.over && [...this.inFlight].every(({ hedged }) => hedged)) this.startNext();
  }

  private hedge(region: Region, call: Call): void {
    call.hedged = true;
    const next = this.candidates[this.started];
    if (next === undefined) return;
    if (this.rules.mayHedge(region, next.region)) this.startNext(true);
    else this.hedgeAfter(hedgeAgainMs, region, call);
  }

  private hedgeAfter(delayMs: number, region: Region, call: Call): void {
    call.cancelHedge = scheduleStallAware(this.rules.clock, delayMs, () => {
      this.hedge(region, call);
    });
  }

  private ended(candidate: Candidate<T, F>, call: Call, result: Result<T, F>): void {
    call.cancelHedge();
    this.inFlight.delete(call);
    if (this.over) result.map((late) => this.rules.discard?.(late));
    else if (result.isOk()) this.finish(ok({ region: candidate.region, value: result.value }));
    else this.failed({ region: candidate.region, failure: result.error });
  }

  private failed(attempt: Attempt<F>): void {
    this.attempts.push(attempt);
    if (this.rules.after(attempt.failure) === 'stop') this.finish(err(this.attempts));
    // A call that has not been hedged yet may still answer in time; one that has been is not waited for.
    else if ([...this.inFlight].every(({ hedged }) => hedged)) this.startNext();
  }

  private readonly abort = (): void => {
    for (const { controller } of this.inFlight) controller.abort();
  };

  private finish(result: RaceResult<T, F>): void {
    this.resolve(result);
    this.end();
  }

  /** Aborts the calls that are still in flight. */
  private end(): void {
    this.over = true;
    this.rules.signal.removeEventListener('abort', this.abort);
    for (const { controller, hedged, cancelHedge } of this.inFlight) {
      cancelHedge();
      controller.abort(hedged ? hedgeLost : undefined);
    }
  }
}
