// The store's regions: every call to one of them is limited in time, and its outcome is reported to the selector of the
// store's regions, which has nothing to do with that of KMS. Decides how to call a region, never what an answer means.
import { ResultAsync } from 'neverthrow';
import { map, type Observable } from 'rxjs';
import type { AfterFailure } from '../../domain/failures/region-failures.js';
import {
  regionFaultOf,
  type RegionFault,
  type StoreFailure,
  type StoreReadFailure,
  type StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { Deployment, Region } from '../../domain/ids.js';
import { checkGenesis } from '../../domain/keys/genesis.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { Telemetry } from '../../ports/telemetry.js';
import { RegionAttempts } from '../regions/region-attempts.js';
import type { RegionSelector } from '../regions/region-selector.js';
import type { RaceResult } from '../resilience/hedged-race.js';
import { observableCall } from '../resilience/observable-call.js';
import { cutOffRead, cutOffWrite, type CutOff, type StoreAct } from './store-calls.js';

/** The store as it is in one region. */
export interface StoreReplica {
  readonly region: Region;
  readonly repository: KeyRepository;
}

/** The signal that ends a read, and what to call when it is overdue. */
export type ReadBounds = readonly [signal: AbortSignal, onOverdue: () => void];

export interface StoreRegionSettings {
  /** How long a write may take in one region, in milliseconds. Reads follow the region's measured pace. */
  readonly writeTimeoutMs: number;
}

/** A page takes longer than a record, and no request waits for it. */
const pageTimeoutMs = 10_000;

/** Of a call whose duration says nothing about the region's usual pace: it is then reported as NaN. */
interface Limits<F> extends CutOff<F> {
  readonly timeoutMs: number;
  readonly setsPace: boolean;
  readonly onOverdue?: (() => void) | undefined;
}

export class StoreRegions {
  private readonly attempts: RegionAttempts;

  constructor(
    private readonly replicas: readonly StoreReplica[],
    private readonly selector: RegionSelector,
    readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: StoreRegionSettings,
  ) {
    this.attempts = new RegionAttempts(selector, clock);
  }

  /** All replicas, the one to call first in front. */
  order(): readonly StoreReplica[] {
    return this.selector
      .order()
      .flatMap((region) => this.replicas.find((replica) => replica.region === region) ?? []);
  }

  isEjected(region: Region): boolean {
    return this.selector.isEjected(region);
  }

  /**
   * One read in one region. Its time limit is that region's pace, except for a page. With `onOverdue`, the read is not
   * cut off then but goes on until `signal` fires: as a whole, a read of the store has a time limit of its own.
   */
  read<T>(
    replica: StoreReplica,
    act: StoreAct<T, StoreReadFailure>,
    signal: AbortSignal,
    onOverdue?: () => void,
  ): ResultAsync<T, StoreReadFailure> {
    const setsPace = act.operation !== 'page';
    const timeoutMs = setsPace ? this.selector.pace(replica.region).attemptTimeoutMs : pageTimeoutMs;
    return this.call<T, StoreReadFailure>(
      replica,
      act,
      { ...cutOffRead, timeoutMs, setsPace, onOverdue },
      signal,
    );
  }

  /**
   * One write in one region. Its time limit is fixed: a write that all regions must agree on takes longer than a read, and
   * there may be too few writes to measure.
   */
  write<T, F extends StoreFailure>(
    replica: StoreReplica,
    act: StoreAct<T, F>,
    signal: AbortSignal,
  ): ResultAsync<T, F | StoreWriteFailure> {
    const timeoutMs = this.settings.writeTimeoutMs;
    const limits = { ...cutOffWrite, timeoutMs, setsPace: false };
    return this.call<T, F | StoreWriteFailure>(replica, act, limits, signal);
  }

  private call<T, F extends StoreFailure>(
    { region, repository }: StoreReplica,
    { operation, run }: StoreAct<T, F>,
    { setsPace, ...limits }: Limits<F>,
    signal: AbortSignal,
  ): ResultAsync<T, F> {
    const made = this.attempts.make<T, F>({
      region,
      signal,
      ...limits,
      span: { name: `store.${operation}`, facts: { 'rkms.region': region } },
      run: (own) => run(repository, own),
      faultOf: regionFaultOf,
      onEnd: ({ durationMs, fault, result, wasPaused }) => {
        const failure = result?.isErr() ? { failure: result.error } : {};
        if (result) this.telemetry.record({ event: 'store.call', region, operation, durationMs, ...failure });
        const measuredMs = (setsPace && !wasPaused) || fault ? durationMs : NaN;
        this.selector.report({ region, durationMs: measuredMs, ...(fault && { failure: fault }) });
      },
    });
    return new ResultAsync(made);
  }

  /** The first answer of these replicas, which are called in their order, with hedges. */
  race<T, F>(
    replicas: readonly StoreReplica[],
    run: (replica: StoreReplica, ...bounds: ReadBounds) => ResultAsync<T, F>,
    after: (failure: F) => AfterFailure,
    signal: AbortSignal,
  ): Promise<RaceResult<T, F>> {
    this.attempts.earnHedge();
    const order = replicas.map(({ region }) => region);
    const call = (region: Region, own: AbortSignal, _isHedge: boolean, onOverdue: () => void) =>
      run(replicaIn(replicas, region), own, onOverdue);
    return this.attempts.race(order, { call, after }, signal);
  }
}

function replicaIn(replicas: readonly StoreReplica[], region: Region): StoreReplica {
  const replica = replicas.find((each) => each.region === region);
  if (replica === undefined) throw new Error(`the store is not in ${region}`);
  return replica;
}

/** Reads the genesis record of the store in a region: only that of this deployment shows that the region is healthy. */
export const genesisProbe =
  (replicas: readonly StoreReplica[], deployment: Deployment) =>
  (region: Region): Observable<RegionFault | undefined> => {
    const { repository } = replicaIn(replicas, region);
    return observableCall((signal) =>
      repository
        .genesis(signal)
        // A genesis record that cannot be read shows that the region answers, but not that the table is ours.
        .mapErr((failure) => regionFaultOf(failure) ?? notThisTable)
        .andThen((found) => checkGenesis(found, { deployment }).mapErr(() => notThisTable)),
    ).pipe(map((result) => (result.isErr() ? result.error : undefined)));
  };

const notThisTable: RegionFault = {
  kind: 'store.misconfigured',
  detail: 'the table holds no genesis record of this deployment',
};
