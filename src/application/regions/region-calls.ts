// The one way in which the application talks to vaults: every call is bounded in time by the region's own pace, and its
// outcome is reported to the region guide and to telemetry. Decides whom to ask and when, never what the answer means.
import { err, errAsync, ResultAsync, type Result } from 'neverthrow';
import {
  afterVaultFailure,
  isFaultOfOurs,
  type FailedAttempt,
  type VaultFailure,
} from '../../domain/failures/region-failures.js';
import type { KeyId, Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { FailoverReason, Telemetry, VaultOperation } from '../../ports/telemetry.js';
import type { Span, Tracer } from '../../ports/tracer.js';
import { withDeadline } from '../resilience/with-deadline.js';
import { HedgeBudget } from '../resilience/hedge-budget.js';
import {
  hedgeLost,
  hedgedRace,
  type Candidate,
  type AnswerWithEffort,
  type RaceResult,
} from '../resilience/hedged-race.js';
import type { RegionSelector } from './region-selector.js';
import { pause } from '../resilience/pause.js';
import { failSpan, untraced } from '../resilience/spans.js';

export interface RegionCallSettings {
  /** Before the regions are tried a second time, a pause of between these, at random. */
  readonly minPauseMs: number;
  readonly maxPauseMs: number;
}

/** What to do in a region, about which key, and how to throw its answer away. */
export interface RegionAct<T> {
  readonly operation: VaultOperation;
  readonly keyId: KeyId;
  readonly run: (vault: KeyVault, signal: AbortSignal) => ResultAsync<T, VaultFailure>;
  readonly discard?: (late: T) => void;
}

/** What it takes to get an answer, while it is sought. */
interface Search {
  attempts: number;
  hedged: boolean;
  readonly failed: Set<Region>;
}

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };
const lostHedge: VaultFailure = { kind: 'region.unavailable', reason: 'hedge-lost' };
const aborted: VaultFailure = { kind: 'call.aborted' };
const bugOfOurs: VaultFailure = { kind: 'vault.request-invalid' };

export class RegionCalls {
  private readonly budget = new HedgeBudget();

  constructor(
    readonly vaults: readonly KeyVault[],
    private readonly guide: RegionSelector,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: RegionCallSettings,
    private readonly tracer: Tracer = untraced,
  ) {}

  /** The configured regions, in order of preference. */
  get regions(): readonly Region[] {
    return this.vaults.map(({ region }) => region);
  }

  /** One call to one region; `isHedge` when it is made because another is silent. */
  call<T>(
    vault: KeyVault,
    act: RegionAct<T>,
    signal: AbortSignal,
    isHedge = false,
  ): ResultAsync<T, VaultFailure> {
    // Says nothing about the region, so nobody is told.
    if (signal.aborted) return errAsync(aborted);
    const facts = { 'rkms.region': vault.region, 'rkms.hedge': isHedge };
    return new ResultAsync(
      this.tracer.span(`region.${act.operation}`, facts, (span) =>
        this.observed(vault, act, signal, isHedge, span),
      ),
    );
  }

  private async observed<T>(
    vault: KeyVault,
    act: RegionAct<T>,
    signal: AbortSignal,
    isHedge: boolean,
    span: Span,
  ): Promise<Result<T, VaultFailure>> {
    const { clock, guide } = this;
    const startedMs = clock.monotonicMs();
    guide.begin(vault.region);
    // What began must end, also with a bug.
    let failure: VaultFailure | undefined = bugOfOurs;
    try {
      const result = await withDeadline((attemptSignal) => act.run(vault, attemptSignal), {
        clock,
        timeoutMs: guide.pace(vault.region).attemptTimeoutMs,
        signal,
        onTimeout: timedOut,
        onAbort: aborted,
        ...(act.discard && { discard: act.discard }),
      });
      failure = result.isErr() ? result.error : undefined;
      if (failure?.kind === 'call.aborted' && signal.reason === hedgeLost) failure = lostHedge;
      return result;
    } finally {
      if (failure) failSpan(span, failure);
      this.report(vault, act, { startedMs, isHedge, failure });
    }
  }

  /** The first good answer among the regions for which `has` holds; tries them a second time where that may help. */
  async firstAnswer<T>(
    act: RegionAct<T>,
    signal: AbortSignal,
    has: (region: Region) => boolean = () => true,
  ): Promise<Result<AnswerWithEffort<T>, readonly FailedAttempt[]>> {
    const search: Search = { attempts: 0, hedged: false, failed: new Set() };
    const result = await this.inTwoPasses(act, search, signal, has);
    const { attempts, hedged, failed } = search;
    return result.map((answer) => {
      const failover = this.failoverReasonOf(answer.region, failed, has);
      return { ...answer, attempts, hedged, ...(failover && { failover }) };
    });
  }

  /** Why the preferred region alone would not have given the answer of `region`. */
  private failoverReasonOf(
    region: Region,
    failed: ReadonlySet<Region>,
    has: (region: Region) => boolean,
  ): FailoverReason | undefined {
    const [preferred] = this.regions;
    if (preferred === undefined || preferred === region) return undefined;
    if (failed.has(preferred)) return 'failed';
    if (!has(preferred)) return 'no-copy';
    return this.isKnownDown(preferred) ? 'ejected' : undefined;
  }

  /** Why the preferred region alone would not have taken a new key that these regions could not be proven to hold. */
  failoverWithout(missing: readonly Region[]): FailoverReason | undefined {
    const [preferred] = this.regions;
    if (preferred === undefined || !missing.includes(preferred)) return undefined;
    if (this.isKnownDown(preferred)) return 'ejected';
    return this.guide.isDrained(preferred) ? undefined : 'failed';
  }

  private isKnownDown(region: Region): boolean {
    return this.guide.isEjected(region) && !this.guide.isDrained(region);
  }

  private async inTwoPasses<T>(
    act: RegionAct<T>,
    search: Search,
    signal: AbortSignal,
    has: (region: Region) => boolean,
  ): Promise<RaceResult<T>> {
    this.budget.earn();
    const first = await this.pass(act, search, signal, has);
    if (first.isOk() || signal.aborted) return first;
    const again = this.worthRepeating(first.error);
    if (again.size === 0) return first;
    await this.pause(signal);
    const second = await this.pass(act, search, signal, (region) => has(region) && again.has(region));
    return second.isOk() ? second : err([...first.error, ...second.error]);
  }

  /**
   * The regions in which a second pass may help: those whose failure passes by itself, unless something was final. One that
   * throttles is asked again only while it has quota left.
   */
  private worthRepeating(attempts: readonly FailedAttempt[]): ReadonlySet<Region> {
    if (attempts.some(({ failure }) => afterVaultFailure(failure) === 'stop')) return new Set();
    const passing = attempts.filter(
      ({ region, failure: { kind } }) =>
        kind === 'region.unavailable' || (kind === 'region.throttled' && !this.guide.isOverQuota(region)),
    );
    return new Set(passing.map(({ region }) => region));
  }

  /** Whether the region is known not to answer now. */
  isEjected(region: Region): boolean {
    return this.guide.isEjected(region);
  }

  private pass<T>(
    act: RegionAct<T>,
    search: Search,
    signal: AbortSignal,
    has: (region: Region) => boolean,
  ): Promise<RaceResult<T>> {
    const vaults = this.inOrder(has);
    const isShared = this.guide.hasSharedFault(vaults.map(({ region }) => region));
    const lanes = vaults.map((vault): Candidate<T> => ({
      region: vault.region,
      hedgeAfterMs: this.guide.pace(vault.region).hedgeAfterMs,
      run: (laneSignal, isHedge) => {
        search.attempts += 1;
        search.hedged ||= isHedge;
        return this.call(vault, act, laneSignal, isHedge).mapErr((failure) => {
          // A lane that another one outran would perhaps have answered.
          if (failure.kind !== 'call.aborted') search.failed.add(vault.region);
          return failure;
        });
      },
    }));
    return hedgedRace(lanes, {
      clock: this.clock,
      signal,
      // Once the region is known to be down, nobody needs to wait for it, and it takes no budget to leave.
      mayHedge: (silent, next) =>
        this.guide.isEjected(silent) || (!this.guide.isOverQuota(next) && this.budget.spend()),
      // Of regions that all refuse us for the same reason, one that still does speaks for all.
      after: (failure) => (isShared && isFaultOfOurs(failure) ? 'stop' : afterVaultFailure(failure)),
      ...(act.discard && { discard: act.discard }),
    });
  }

  private pause(signal: AbortSignal): Promise<void> {
    const { minPauseMs, maxPauseMs } = this.settings;
    return pause(this.clock, minPauseMs + this.clock.random() * (maxPauseMs - minPauseMs), signal);
  }

  private inOrder(has: (region: Region) => boolean): readonly KeyVault[] {
    return this.guide
      .order()
      .filter(has)
      .flatMap((region) => this.vaults.find((vault) => vault.region === region) ?? []);
  }

  private report<T>(vault: KeyVault, act: RegionAct<T>, { startedMs, isHedge, failure }: Observed): void {
    const call = {
      event: 'vault.call',
      region: vault.region,
      operation: act.operation,
      keyId: act.keyId,
      durationMs: this.clock.monotonicMs() - startedMs,
      ...(isHedge && { hedge: true as const }),
      ...(failure && { failure }),
    } as const;
    this.guide.report(call);
    this.telemetry.record(call);
  }
}

interface Observed {
  readonly startedMs: number;
  readonly isHedge: boolean;
  readonly failure: VaultFailure | undefined;
}
