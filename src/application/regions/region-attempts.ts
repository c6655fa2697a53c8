// One call to one region, be it of KMS or of the store: limited in time, traced, and reported exactly once. Also races
// such calls, within one budget for hedges. Never decides which regions to call, nor what an answer means.
import { errAsync, ResultAsync, type Result } from 'neverthrow';
import type { AfterFailure } from '../../domain/failures/region-failures.js';
import type { RegionFault } from '../../domain/failures/store-failures.js';
import type { Region } from '../../domain/ids.js';
import { TokenBucket } from '../../domain/token-bucket.js';
import type { Clock } from '../../ports/clock.js';
import type { Span, SpanFacts, Tracer } from '../../ports/tracer.js';
import {
  hedgedRace,
  hedgeLost,
  type Attempt,
  type Candidate,
  type RegionAnswer,
} from '../resilience/hedged-race.js';
import { failSpan, untraced } from '../resilience/spans.js';
import { withDeadline, type Bounds } from '../resilience/with-deadline.js';
import type { RegionSelector } from './region-selector.js';

/** One call to one region. `onTimeout` and `onAbort` are its failures when it is cut off. */
export interface RegionAttempt<T, F> extends Omit<Bounds<T, F>, 'clock'> {
  readonly region: Region;
  readonly span: { readonly name: string; readonly facts: SpanFacts };
  readonly run: (signal: AbortSignal) => ResultAsync<T, F>;
  /** What a failure says about the region; undefined when the region did what it should. */
  readonly faultOf: (failure: F) => RegionFault | undefined;
  /** Called once. `result` is undefined when `run` threw, which is a bug. */
  readonly onEnd: (end: AttemptEnd<T, F>) => void;
}

export interface AttemptEnd<T, F> {
  readonly durationMs: number;
  readonly fault: RegionFault | undefined;
  readonly result: Result<T, F> | undefined;
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

  constructor(
    readonly selector: RegionSelector,
    readonly clock: Clock,
    private readonly tracer: Tracer = untraced,
  ) {}

  /** Makes the call and reports how it ended. A call that is aborted before it begins is neither made nor reported. */
  make<T, F>(attempt: RegionAttempt<T, F>): ResultAsync<T, F> {
    if (attempt.signal.aborted) return errAsync(attempt.onAbort);
    const { name, facts } = attempt.span;
    return new ResultAsync(this.tracer.span(name, facts, (span) => this.observed(attempt, span)));
  }

  private async observed<T, F>(attempt: RegionAttempt<T, F>, span: Span): Promise<Result<T, F>> {
    const startedMs = this.clock.monotonicMs();
    this.selector.begin(attempt.region);
    let result: Result<T, F> | undefined;
    try {
      result = await withDeadline(attempt.run, { ...attempt, clock: this.clock });
      return result;
    } finally {
      // Every call that began is reported, also when `run` threw.
      const fault = faultIn(result, attempt);
      if (fault) failSpan(span, fault);
      attempt.onEnd({ durationMs: this.clock.monotonicMs() - startedMs, fault, result });
    }
  }

  /** Earns one request's share of a hedge. */
  earnHedge(): void {
    this.hedges.add(hedgesPerRequest);
  }

  /** The first good answer of the candidates, which are called in their order; see `hedgedRace`. */
  race<T, F>(
    candidates: readonly Omit<Candidate<T, F>, 'hedgeAfterMs'>[],
    rules: {
      readonly after: (failure: F) => AfterFailure;
      readonly discard?: ((late: T) => void) | undefined;
    },
    signal: AbortSignal,
  ): ResultAsync<RegionAnswer<T>, readonly Attempt<F>[]> {
    const { selector, clock } = this;
    const paced = candidates.map((candidate) => ({
      ...candidate,
      hedgeAfterMs: selector.pace(candidate.region).hedgeAfterMs,
    }));
    // A call that waits for an ejected region is replaced at once, and that costs no budget.
    const mayHedge = (silent: Region, next: Region): boolean =>
      selector.isEjected(silent) || (!selector.isOverQuota(next) && this.hedges.take());
    return new ResultAsync(hedgedRace(paced, { clock, signal, mayHedge, ...rules }));
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
