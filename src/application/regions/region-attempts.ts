// One call to one region, be it of KMS or of the store: limited in time, traced, and reported exactly once. Also races
// such calls, within one budget for hedges. Never decides which regions to call, nor what an answer means.
import { err, ok, type Result } from 'neverthrow';
import type { RegionFault } from '../../domain/failures/store-failures.js';
import type { Region } from '../../domain/ids.js';
import { TokenBucket } from '../../domain/token-bucket.js';
import type { Clock } from '../../ports/clock.js';
import type { Span, SpanFacts, Tracer } from '../../ports/tracer.js';
import {
  hedgedRace,
  hedgeLost,
  type CallRegion,
  type RaceResult,
  type RaceRules,
} from '../resilience/hedged-race.js';
import { failSpan, untraced } from '../resilience/spans.js';
import { StallWatch } from '../resilience/stall-watch.js';
import { withDeadline, type Bounds } from '../resilience/with-deadline.js';
import type { RegionSelector } from './region-selector.js';

/** One call to one region. `onTimeout` and `onAbort` are its failures when it is cut off. */
export interface RegionAttempt<T, F> extends Omit<Bounds<T, F>, 'clock'> {
  readonly signal: AbortSignal;
  /**
   * Present: the call is not cut off after `timeoutMs`. It is then reported as timed out, this function is called, and
   * the call runs on until the signal fires: its answer may still be the only one.
   */
  readonly onOverdue?: (() => void) | undefined;
  readonly region: Region;
  readonly span: { readonly name: string; readonly facts: SpanFacts };
  readonly run: (signal: AbortSignal) => PromiseLike<Result<T, F>>;
  /** What a failure says about the region; undefined when the region did what it should. */
  readonly faultOf: (failure: F) => RegionFault | undefined;
  /** Called once. `result` is undefined when `run` threw, which is a bug. */
  readonly onEnd: (end: AttemptEnd<T, F>) => void;
}

export interface AttemptEnd<T, F> {
  readonly durationMs: number;
  readonly fault: RegionFault | undefined;
  readonly result: Result<T, F> | undefined;
  /** This process was paused during the call: the duration says nothing about the region. */
  readonly wasPaused: boolean;
}

const bugOfOurs: RegionFault = { kind: 'vault.request-invalid' };
const lostHedge: RegionFault = { kind: 'region.unavailable', reason: 'hedge-lost' };
const aborted: RegionFault = { kind: 'call.aborted' };

/**
 * Each request earns a small part of a hedge, so that hedged requests cannot double the load when all regions are slow.
 * From "The Tail at Scale": a few percent more load are enough for most of the gain.
 */
export const hedgesPerRequest = 0.04;
/** How many hedges can be saved up for a burst. */
export const maxSavedHedges = 10;

export class RegionAttempts {
  private readonly hedges = new TokenBucket(maxSavedHedges);
  private readonly stalls: StallWatch;

  constructor(
    readonly selector: RegionSelector,
    readonly clock: Clock,
    private readonly tracer: Tracer = untraced,
  ) {
    this.stalls = new StallWatch(clock);
  }

  /** Makes the call and reports how it ended. A call that is aborted before it begins is neither made nor reported. */
  make<T, F>(attempt: RegionAttempt<T, F>): Promise<Result<T, F>> {
    if (attempt.signal.aborted) return Promise.resolve(err(attempt.onAbort));
    const { name, facts } = attempt.span;
    return this.tracer.span(name, facts, (span) => this.observed(attempt, span));
  }

  private async observed<T, F>(attempt: RegionAttempt<T, F>, span: Span): Promise<Result<T, F>> {
    const { run, timeoutMs, signal, onTimeout, onAbort, discard, onOverdue } = attempt;
    const report = this.beginReport(attempt, span);
    const overdue = (): void => {
      report(err(onTimeout));
      onOverdue?.();
    };
    const cutOff = { clock: this.clock, timeoutMs, onOverdue: onOverdue && overdue };
    let result: Result<T, F> | undefined;
    try {
      result = await withDeadline(run, { ...cutOff, signal, onTimeout, onAbort, discard });
      return result;
    } finally {
      // Every call that began is reported, also when `run` threw.
      report(result);
    }
  }

  /** Returns the function that reports the end of the call; only its first call has an effect. */
  private beginReport<T, F>(
    attempt: RegionAttempt<T, F>,
    span: Span,
  ): (result: Result<T, F> | undefined) => void {
    const startedMs = this.stalls.begin();
    let reported = false;
    this.selector.begin(attempt.region);
    return (result) => {
      if (reported) return;
      reported = true;
      const found = faultIn(result, attempt);
      const wasPaused = this.stalls.end(startedMs);
      const fault = wasPaused && found && mayBeOurPause(found) ? aborted : found;
      if (fault) failSpan(span, fault);
      attempt.onEnd({ durationMs: this.clock.monotonicMs() - startedMs, fault, result, wasPaused });
    };
  }

  /** Earns one request's share of a hedge. */
  earnHedge(): void {
    this.hedges.add(hedgesPerRequest);
  }

  /** The first good answer of the regions, which are called in this order; see `hedgedRace`. */
  race<T, F>(
    order: readonly Region[],
    rules: Pick<RaceRules<T, F>, 'call' | 'after' | 'nextRound' | 'discard'>,
    signal: AbortSignal,
  ): Promise<RaceResult<T, F>> {
    const { clock, hedgeAfterMs, mayHedge } = this;
    const [only, ...others] = order;
    // The only region there is: nothing to hedge with.
    if (only !== undefined && others.length === 0 && rules.nextRound === undefined) {
      return alone(only, rules.call, signal);
    }
    return hedgedRace(order, { ...rules, clock, signal, hedgeAfterMs, mayHedge });
  }

  private readonly hedgeAfterMs = (region: Region): number => this.selector.pace(region).hedgeAfterMs;

  /** A call that waits for a silent region is replaced at once, and that costs no budget. */
  private readonly mayHedge = (silent: Region, next: Region): boolean =>
    this.selector.isSilent(silent) || (!this.selector.isOverQuota(next) && this.hedges.take());
}

async function alone<T, F>(
  region: Region,
  call: CallRegion<T, F>,
  signal: AbortSignal,
): Promise<RaceResult<T, F>> {
  const result = await call(region, signal, false, () => undefined);
  return result.isOk() ? ok({ region, value: result.value }) : err([{ region, failure: result.error }]);
}

/**
 * Whether a pause of this process can look like this fault: all faults of connections and time. What the region itself
 * answered is its own.
 */
export function mayBeOurPause(fault: RegionFault): boolean {
  if (fault.kind !== 'region.unavailable') return false;
  switch (fault.reason) {
    case 'dns':
    case 'refused':
    case 'reset':
    case 'unreachable':
    case 'timed-out':
    case 'hedge-lost':
      return true;
    case 'ejected':
    case 'server-error':
    case 'key-unavailable':
    case 'unintelligible':
      return false;
  }
}

/** A call that was dropped says nothing about its region, unless it lost to a hedge. */
function faultIn<T, F>(
  result: Result<T, F> | undefined,
  { signal, onAbort, faultOf }: RegionAttempt<T, F>,
): RegionFault | undefined {
  if (result === undefined) return bugOfOurs;
  if (result.isOk()) return undefined;
  if (result.error !== onAbort) return faultOf(result.error);
  return signal.reason === hedgeLost ? lostHedge : aborted;
}
