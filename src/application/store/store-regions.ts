// The store's regions: every call to one of them is bounded in time, and its outcome is reported to the guide of the store's
// regions, which has nothing to do with that of the vaults. Decides how to ask one region and whom to ask first, never
// what an answer means.
import { errAsync, ResultAsync, type Result } from 'neverthrow';
import { map, type Observable } from 'rxjs';
import type { AfterFailure, VaultFailure } from '../../domain/failures/region-failures.js';
import type { StoreReadFailure, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import { checkGenesis } from '../../domain/keys/genesis.js';
import type { Deployment, Region } from '../../domain/ids.js';
import { regionFaultOf, type StoreFailure } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { StoreOperation, Telemetry } from '../../ports/telemetry.js';
import { withDeadline } from '../resilience/with-deadline.js';
import { observableCall } from '../resilience/observable-call.js';
import { HedgeBudget } from '../resilience/hedge-budget.js';
import { hedgeLost, hedgedRace, type RaceResult } from '../resilience/hedged-race.js';
import type { RegionSelector } from '../regions/region-selector.js';

/** The store as it is in one region. */
export interface StoreReplica {
  readonly region: Region;
  readonly repository: KeyRepository;
}

/** One call to the store, which the replicated store makes in one region after the other. */
export interface StoreAct<T, F extends StoreFailure> {
  readonly operation: StoreOperation;
  readonly run: (repository: KeyRepository, signal: AbortSignal) => ResultAsync<T, F>;
}

export interface StoreRegionSettings {
  /** How long a write may take in one region, in milliseconds. Reads follow the region's measured pace. */
  readonly writeTimeoutMs: number;
}

/** A page takes longer than a record, and nobody waits for it at a request. */
const pageTimeoutMs = 10_000;

export class StoreRegions {
  private readonly budget = new HedgeBudget();

  constructor(
    private readonly replicas: readonly StoreReplica[],
    private readonly guide: RegionSelector,
    readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: StoreRegionSettings,
  ) {}

  /** All of them, the one to ask first in front. */
  order(): readonly StoreReplica[] {
    return this.guide.order().flatMap((region) => this.of(region) ?? []);
  }

  of(region: Region): StoreReplica | undefined {
    return this.replicas.find((replica) => replica.region === region);
  }

  isEjected(region: Region): boolean {
    return this.guide.isEjected(region);
  }

  /** One read in one region. Its time is that region's pace, save that of a page. */
  read<T>(
    { region, repository }: StoreReplica,
    { operation, run }: StoreAct<T, StoreReadFailure>,
    signal: AbortSignal,
  ): ResultAsync<T, StoreReadFailure> {
    if (signal.aborted) return errAsync({ kind: 'call.aborted' });
    const ofUsualLength = operation !== 'page';
    return this.observed(region, operation, signal, ofUsualLength, () =>
      withDeadline<T, StoreReadFailure>((own) => run(repository, own), {
        clock: this.clock,
        timeoutMs: ofUsualLength ? this.guide.pace(region).attemptTimeoutMs : pageTimeoutMs,
        signal,
        onTimeout: { kind: 'store.unavailable', reason: 'timed-out' },
        onAbort: { kind: 'call.aborted' },
      }),
    );
  }

  /**
   * One write in one region. Its time is fixed: a write that all regions must agree on takes longer than a read, and
   * there may be too few of them to measure.
   */
  write<T, F extends StoreFailure>(
    { region, repository }: StoreReplica,
    { operation, run }: StoreAct<T, F>,
    signal: AbortSignal,
  ): ResultAsync<T, F | StoreWriteFailure> {
    if (signal.aborted) return errAsync({ kind: 'store.outcome-unknown', cause: 'aborted' });
    return this.observed(region, operation, signal, false, () =>
      withDeadline<T, F | StoreWriteFailure>((own) => run(repository, own), {
        clock: this.clock,
        timeoutMs: this.settings.writeTimeoutMs,
        signal,
        onTimeout: { kind: 'store.outcome-unknown', reason: 'timed-out' },
        onAbort: { kind: 'store.outcome-unknown', cause: 'aborted' },
      }),
    );
  }

  /** The first answer of these regions, asked in their order; one that is silent for too long gets company. */
  race<T, F>(
    replicas: readonly StoreReplica[],
    run: (replica: StoreReplica, signal: AbortSignal) => ResultAsync<T, F>,
    after: (failure: F) => AfterFailure,
    signal: AbortSignal,
  ): Promise<RaceResult<T, F>> {
    this.budget.earn();
    const lanes = replicas.map((replica) => ({
      region: replica.region,
      hedgeAfterMs: this.guide.pace(replica.region).hedgeAfterMs,
      run: (laneSignal: AbortSignal) => run(replica, laneSignal),
    }));
    const mayHedge = (silent: Region, next: Region): boolean =>
      this.isEjected(silent) || (!this.guide.isOverQuota(next) && this.budget.spend());
    return hedgedRace(lanes, { clock: this.clock, signal, after, mayHedge });
  }

  private observed<T, F extends StoreFailure>(
    region: Region,
    operation: StoreOperation,
    signal: AbortSignal,
    ofUsualLength: boolean,
    call: () => ResultAsync<T, F>,
  ): ResultAsync<T, F> {
    const observe = async (): Promise<Result<T, F>> => {
      const startedMs = this.clock.monotonicMs();
      this.guide.begin(region);
      // What began must end, also with a bug.
      let fault: VaultFailure | undefined = bugOfOurs;
      try {
        const result = await call();
        fault = result.isErr() ? faultOf(result.error, signal) : undefined;
        const durationMs = this.clock.monotonicMs() - startedMs;
        const failure = result.isErr() ? { failure: result.error } : {};
        this.telemetry.record({ event: 'store.call', region, operation, durationMs, ...failure });
        return result;
      } finally {
        const durationMs = ofUsualLength || fault ? this.clock.monotonicMs() - startedMs : NaN;
        this.guide.report({ region, durationMs, ...(fault && { failure: fault }) });
      }
    };
    return new ResultAsync(observe());
  }
}

const bugOfOurs: VaultFailure = { kind: 'vault.request-invalid' };

/** A call that was dropped says nothing about its region, unless another region overtook it. */
function faultOf(failure: StoreFailure, { aborted, reason }: AbortSignal): VaultFailure | undefined {
  if (!aborted) return regionFaultOf(failure);
  return reason === hedgeLost
    ? { kind: 'region.unavailable', reason: 'hedge-lost' }
    : { kind: 'call.aborted' };
}

/** Asks the store in a region for its genesis record: only that of this deployment shows that the region is well. */
export const genesisProbe =
  (replicas: readonly StoreReplica[], deployment: Deployment) =>
  (region: Region): Observable<VaultFailure | undefined> => {
    const replica = replicas.find((each) => each.region === region);
    if (replica === undefined) throw new Error(`the store is not in ${region}`);
    return observableCall((signal) =>
      replica.repository
        .genesis(signal)
        // A genesis record that cannot be read shows that the region answers, but not that the table is ours.
        .mapErr((failure) => regionFaultOf(failure) ?? notThisTable)
        .andThen((found) => checkGenesis(found, { deployment }).mapErr(() => notThisTable)),
    ).pipe(map((result) => (result.isErr() ? result.error : undefined)));
  };

const notThisTable: VaultFailure = { kind: 'vault.misconfigured', reason: 'table' };
