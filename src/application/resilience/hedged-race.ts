// One answer from several regions, as early as possible without calling all of them: the first candidate is called at
// once, the next when it fails or when it has not answered for longer than usual (a hedged request). The first good
// answer wins, and the other calls are aborted. Never keeps an answer that lost: it is discarded.
import { err, ok, type Result } from 'neverthrow';
import type { AfterFailure, VaultFailure } from '../../domain/failures/region-failures.js';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';

/**
 * Calls one region. Must end soon after the signal fires. `isHedge`: it is called because another region is slow to answer.
 * `onOverdue`: to be called when it takes longer than an attempt may. The call may go on: the next region is called as
 * well, and a late answer still counts.
 */
export type CallRegion<T, F = VaultFailure> = (
  region: Region,
  signal: AbortSignal,
  isHedge: boolean,
  onOverdue: () => void,
) => PromiseLike<Result<T, F>>;

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
  readonly call: CallRegion<T, F>;
  /** After this time without an answer, in milliseconds, the next region is called as well. */
  readonly hedgeAfterMs: (region: Region) => number;
  /**
   * Whether `next` may be called although `silent` may still answer; while it is false, it is called again every 20
   * ms.
   */
  readonly mayHedge: (silent: Region, next: Region) => boolean;
  /** Whether another region can still answer after this failure. */
  readonly after: (failure: F) => AfterFailure;
  /**
   * Called once, when every region has failed or is overdue: resolves with regions to call as well. The overdue calls
   * go on meanwhile.
   */
  readonly nextRound?: ((failures: readonly Attempt<F>[]) => Promise<readonly Region[]>) | undefined;
  /** Receives an answer that lost, to wipe it. */
  readonly discard?: ((late: T) => void) | undefined;
}

/** The abort reason of a call that had its time, was hedged, and then lost to another one. */
export const hedgeLost = Symbol('hedge-lost');

export type RaceResult<T, F = VaultFailure> = Result<RegionAnswer<T>, readonly Attempt<F>[]>;

/**
 * Ends as soon as a region answers, a failure is final, or all regions have failed: then with every failure in the order
 * in which they came. Rejects only when `call` throws, which is a bug.
 */
export function hedgedRace<T, F = VaultFailure>(
  order: readonly Region[],
  rules: RaceRules<T, F>,
): Promise<RaceResult<T, F>> {
  return new Promise((resolve, reject) => {
    new Race(order, rules, resolve, reject).startNext();
  });
}

/** After this time, in milliseconds, a refused hedge is tried again. */
const hedgeAgainMs = 20;

/** A call that is in flight. */
interface Call {
  readonly region: Region;
  readonly controller: AbortController;
  hedged: boolean;
  overdue: boolean;
  cancelHedge: () => void;
}

class Race<T, F> {
  private readonly attempts: Attempt<F>[] = [];
  /** `none`: it has not begun; `pending`: its regions are not known yet. */
  private secondRound: 'none' | 'pending' | 'begun' = 'none';
  private inFlight: readonly Call[] = [];
  private started = 0;
  private over = false;

  constructor(
    private order: readonly Region[],
    private readonly rules: RaceRules<T, F>,
    private readonly resolve: (result: RaceResult<T, F>) => void,
    private readonly reject: (bug: unknown) => void,
  ) {
    rules.signal.addEventListener('abort', this.abort);
  }

  startNext(isHedge = false): void {
    const region = this.order[this.started];
    if (region === undefined) {
      this.noneLeft();
      return;
    }
    this.started += 1;
    const controller = new AbortController();
    const call: Call = { region, controller, hedged: false, overdue: false, cancelHedge: () => undefined };
    this.inFlight = [...this.inFlight, call];
    this.hedgeAfter(this.rules.hedgeAfterMs(region), call);
    if (this.rules.signal.aborted) controller.abort();
    const onOverdue = (): void => {
      this.overdue(call);
    };
    const threw = (bug: unknown): void => {
      this.leave(call);
      this.end();
      this.reject(bug);
    };
    try {
      this.rules.call(region, controller.signal, isHedge, onOverdue).then((result) => {
        this.ended(call, result);
      }, threw);
    } catch (bug) {
      threw(bug);
    }
  }

  /** Every region was called. Without calls in flight and without a second round, the race is lost. */
  private noneLeft(): void {
    if (this.over || !this.inFlight.every(({ overdue }) => overdue)) return;
    if (this.secondRound === 'none' && this.rules.nextRound) void this.beginSecondRound(this.rules.nextRound);
    else if (this.secondRound !== 'pending' && this.inFlight.length === 0) this.finish(err(this.attempts));
  }

  private async beginSecondRound(
    nextRound: (failures: readonly Attempt<F>[]) => Promise<readonly Region[]>,
  ): Promise<void> {
    this.secondRound = 'pending';
    try {
      const more = await nextRound(this.attempts);
      this.secondRound = 'begun';
      if (this.over) return;
      this.order = [...this.order, ...more];
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
    if (!this.over && this.inFlight.every(({ hedged }) => hedged)) this.startNext();
  }

  private hedge(call: Call): void {
    call.hedged = true;
    const next = this.order[this.started];
    if (next === undefined) return;
    if (this.rules.mayHedge(call.region, next)) this.startNext(true);
    else this.hedgeAfter(hedgeAgainMs, call);
  }

  private hedgeAfter(delayMs: number, call: Call): void {
    call.cancelHedge = scheduleStallAware(this.rules.clock, delayMs, () => {
      this.hedge(call);
    });
  }

  private ended(call: Call, result: Result<T, F>): void {
    this.leave(call);
    if (this.over) result.map((late) => this.rules.discard?.(late));
    else if (result.isOk()) this.finish(ok({ region: call.region, value: result.value }));
    else this.failed({ region: call.region, failure: result.error });
  }

  private leave(call: Call): void {
    call.cancelHedge();
    this.inFlight = this.inFlight.filter((other) => other !== call);
  }

  private failed(attempt: Attempt<F>): void {
    this.attempts.push(attempt);
    if (this.rules.after(attempt.failure) === 'stop') this.finish(err(this.attempts));
    // A call that has not been hedged yet may still answer in time; one that has been is not waited for.
    else if (this.inFlight.every(({ hedged }) => hedged)) this.startNext();
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
