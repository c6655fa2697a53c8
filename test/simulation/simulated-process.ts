// One RKMS process: the real application classes, wired as the service wires them, in the simulated world. When it ends, only
// the calls that it already sent remain.
import { Canaries } from '../../src/application/regions/canaries.js';
import { CreationQuotas } from '../../src/application/access/creation-quotas.js';
import { CreateKey } from '../../src/application/keys/create-key.js';
import { GetDataKey } from '../../src/application/keys/get-data-key.js';
import { GuardedKeys } from '../../src/application/access/guarded-keys.js';
import { RegionCalls } from '../../src/application/regions/region-calls.js';
import { ConcurrencyLimit } from '../../src/application/resilience/concurrency-limit.js';
import { KeyCache } from '../../src/application/keys/key-cache.js';
import { RecordCache } from '../../src/application/store/record-cache.js';
import { readGenesis, StoreCalls } from '../../src/application/store/store-calls.js';
import { UnwrapInAnyRegion } from '../../src/application/keys/unwrap-in-any-region.js';
import { WrapInEveryRegion } from '../../src/application/keys/wrap-in-every-region.js';
import type { ResultAsync } from 'neverthrow';
import { checkGenesis, type Genesis } from '../../src/domain/keys/genesis.js';
import { type WritePlace } from '../../src/domain/ids.js';
import type { Deployment, KeyId, Region } from '../../src/domain/ids.js';
import type { Clock } from '../../src/ports/clock.js';
import type { RepairQueue } from '../../src/application/maintenance/repair-queue.js';
import { ReplicatedRepository } from '../../src/application/store/replicated-repository.js';
import { StoreRegions } from '../../src/application/store/store-regions.js';
import type { KeyRepository } from '../../src/ports/key-repository.js';
import { callerWith } from '../support/callers.js';
import { AdversaryGuide } from './adversary-guide.js';
import type { History } from './history.js';
import type { Caller, Ports } from './port-call.js';
import type { Random } from './random.js';
import { SimulatedAuditLog } from './simulated-audit-log.js';
import { SimulatedVault, type SimulatedKms } from './simulated-kms.js';
import { SimulatedRepository, type SimulatedTable } from './simulated-store.js';
import { repairAll, repairQueue, verifyAll, type RepairMeans } from './simulated-repair.js';
import { World } from './world.js';

/** What all processes of a schedule share. */
export interface Surroundings {
  readonly world: World;
  readonly kms: SimulatedKms;
  readonly ports: Ports;
  readonly history: History;
  readonly random: Random;
  readonly deployment: Deployment;
  readonly quorum: number;
}

export interface ProcessSettings {
  readonly name: string;
  readonly regions: readonly Region[];
  readonly table: SimulatedTable;
  /** How many records its cache holds; 0: it has no cache. */
  readonly cachedRecords: number;
  /** How long it keeps opened keys, in milliseconds; 0: it keeps none. */
  readonly keyTtlMs: number;
  /** How long it repairs in the background, in milliseconds; it does not when absent. */
  readonly repairsForMs?: number;
}

/** Every request has one. */
const requestDeadlineMs = 2_000;

const unlimited = (clock: Clock): CreationQuotas =>
  new CreationQuotas(() => ({ perSecond: 1e6, burst: 1e6, perDay: 1e6 }), clock);

/** The write place in the genesis record of a table. */
const writePlaceOf = ({ mode, home }: SimulatedTable): WritePlace | undefined =>
  mode === 'single' ? undefined : mode === 'strong' ? 'anywhere' : home;

export function genesisOf(table: SimulatedTable, deployment: Deployment, createdAtMs: number): Genesis {
  const writes = writePlaceOf(table);
  return { deployment, createdAtMs, ...(writes !== undefined && { writes }) };
}

export class SimulatedProcess implements Caller {
  isAlive = true;
  readonly name: string;
  readonly regions: readonly Region[];
  private readonly clock: Clock;
  private readonly vaults: readonly SimulatedVault[];
  private readonly store: KeyRepository;
  private readonly storeCalls: StoreCalls;
  private readonly repairMeans: RepairMeans;
  private readonly canaries: Canaries;
  private readonly keys: GuardedKeys;
  private readonly asking = new Set<AbortController>();

  constructor(
    private readonly around: Surroundings,
    readonly settings: ProcessSettings,
  ) {
    const { world, kms, ports, history, random, deployment, quorum } = around;
    const { regions, table } = settings;
    this.name = settings.name;
    this.regions = regions;
    const clock = this.ownClock(world, random);
    this.clock = clock;
    this.vaults = regions.map((region) => new SimulatedVault(region, kms, this, ports, history));
    const telemetry = { record: () => undefined };
    this.store = this.repository(table);
    const guide = new AdversaryGuide(regions, random);
    const audit = new SimulatedAuditLog(this, ports, history);
    this.repairMeans = { vaults: this.vaults, store: this.store, guide, audit, clock, deployment, quorum };
    const pauses = { minPauseMs: 50, maxPauseMs: 200, hasDeadline: true, minProofMs: 1_000 };
    const calls = new RegionCalls(this.vaults, guide, clock, telemetry, pauses);
    this.storeCalls = new StoreCalls(this.store, clock, telemetry, { storeTimeoutMs: 500, repeats: true });
    const wrapping = new WrapInEveryRegion(calls, { quorum, minPauseMs: 20, maxPauseMs: 60 }, clock);
    const writes = writePlaceOf(table);
    const localRandom = (length: number) => random.bytes(length);
    const facts = { quorum, deployment, keyLength: 32, localRandom } as const;
    const creationSettings = { ...facts, ...(writes && { writes }) };
    const creation = new CreateKey(calls, wrapping, this.storeCalls, clock, telemetry, creationSettings);
    const unwrapping = new UnwrapInAnyRegion(calls, deployment);
    // Fresh for less time than a schedule takes, so that records are read again.
    const limits = { maxRecords: settings.cachedRecords, freshMs: 500, maxStaleMs: 30_000 };
    const records = new RecordCache(this.storeCalls, clock, limits);
    const kept = new KeyCache(clock, { ttlMs: settings.keyTtlMs, maxKeys: settings.keyTtlMs > 0 ? 2 : 0 });
    const queue = repairQueue(this.repairMeans, (id) => {
      records.refresh(id);
    });
    if (settings.repairsForMs !== undefined) this.repairBeside(queue, settings.repairsForMs);
    const keys = new GetDataKey(
      this.storeCalls,
      records,
      kept,
      creation,
      unwrapping,
      calls,
      queue.note,
      new ConcurrencyLimit(250),
    );
    this.keys = new GuardedKeys(keys, audit, clock, { auditTimeoutMs: 300 }, unlimited(clock));
    this.canaries = new Canaries(this.vaults, deployment);
  }

  /** A caller requests a key, holds it for a while, and wipes it. */
  ask(request: {
    readonly id: KeyId;
    readonly requestId: string;
    readonly mayCreate: boolean;
    readonly patienceMs?: number;
  }): void {
    const { history, world } = this.around;
    const { id, requestId, mayCreate, patienceMs = requestDeadlineMs } = request;
    const controller = new AbortController();
    this.asking.add(controller);
    const giveUp = (): void => {
      controller.abort();
    };
    const cancel = this.clock.schedule(patienceMs, giveUp);
    const { signal } = controller;
    const asked = history.asks({
      requestId,
      process: this,
      table: this.settings.table,
      id,
      mayCreate,
      signal,
    });
    const caller = callerWith(mayCreate ? ['read', 'create'] : ['read']);
    this.keys.get({ caller, id, requestId }, signal).then(
      (result) => {
        if (!this.isAlive) return;
        cancel();
        this.asking.delete(controller);
        history.answers(asked, result);
        if (result.isErr()) return;
        const { key } = result.value;
        const before = result.value;
        world.soon(`${requestId} releases its key`, () => {
          history.checkHeld(before);
          key.wipe();
        });
      },
      (bug: unknown) => {
        if (this.isAlive) history.broken('no bug', `${requestId}: ${String(bug)}`);
      },
    );
  }

  /** One of the waiting callers leaves. */
  leave(random: Random): void {
    if (this.asking.size > 0) random.pick([...this.asking]).abort();
  }

  /** What `rkms init` does, with this process's store. */
  initialise(deployment: Deployment): void {
    const { signal } = new AbortController();
    const { storeCalls, clock } = this;
    const genesis = genesisOf(this.settings.table, deployment, clock.nowMs());
    this.watch(
      storeCalls
        .read(readGenesis, signal)
        .andThen(() =>
          storeCalls.read({ operation: 'page', run: (store, own) => store.page(undefined, 2, own) }, signal),
        )
        .andThen(({ entries }) =>
          entries.length > 0
            ? storeCalls.read(readGenesis, signal)
            : storeCalls.write(
                { operation: 'initialise', run: (store, own) => store.initialise(genesis, own) },
                signal,
              ),
        )
        .andThen((found) => checkGenesis(found, genesis)),
    );
  }

  /** Scans all records and repairs or verifies them. */
  scan(what: 'repair' | 'drop-removed' | 'verify'): void {
    const { history } = this.around;
    const controller = new AbortController();
    const { signal } = controller;
    this.asking.add(controller);
    if (what !== 'verify') history.repairs(this);
    const ended = history.begins(this, what);
    const { repairMeans } = this;
    const scanning =
      what === 'verify'
        ? verifyAll(repairMeans, signal)
        : repairAll(repairMeans, what === 'drop-removed', signal);
    scanning.then(
      () => {
        this.asking.delete(controller);
        ended();
      },
      (bug: unknown) => {
        this.hasBug(bug);
      },
    );
  }

  /** Probes the regions, as the start and the supervisor do. */
  probe(random: Random): void {
    const { signal } = new AbortController();
    for (const vault of this.vaults) {
      this.watch(random.chance(0.5) ? vault.probe() : this.canaries.check(vault, signal));
    }
  }

  private repairBeside(queue: RepairQueue, forMs: number): void {
    const { history } = this.around;
    history.repairs(this);
    queue.start();
    this.clock.schedule(forMs, () => {
      const ended = history.begins(this, 'a queued repair');
      void queue.stop().then(ended);
    });
  }

  die(): void {
    this.isAlive = false;
  }

  private watch<T, F>(act: ResultAsync<T, F>): void {
    act.then(undefined, (bug: unknown) => {
      this.hasBug(bug);
    });
  }

  private hasBug(bug: unknown): void {
    if (this.isAlive) this.around.history.broken('no bug', `${this.name}: ${String(bug)}`);
  }

  /** The store as the service sees it: one region, or all regions behind one repository. */
  private repository(table: SimulatedTable): KeyRepository {
    const { ports, history, random } = this.around;
    const replicas = table.regions.map((region) => ({
      region,
      repository: new SimulatedRepository(table, region, this, ports, history),
    }));
    if (table.mode === 'single') return new SimulatedRepository(table, table.home, this, ports, history);
    const guide = new AdversaryGuide(table.regions, random);
    const regions = new StoreRegions(
      replicas,
      guide,
      this.clock,
      { record: () => undefined },
      { writeTimeoutMs: 166 },
    );
    return new ReplicatedRepository(
      regions,
      table.mode === 'home' ? { kind: 'home', home: table.home } : { kind: 'strong' },
    );
  }

  private ownClock(world: World, random: Random): Clock {
    return {
      nowMs: () => World.startMs + world.nowMs,
      monotonicMs: () => world.nowMs,
      idleMs: () => world.nowMs,
      random: () => random.next(),
      schedule: (delayMs, fire) =>
        world.after(delayMs, `timer of ${this.name}`, () => {
          if (this.isAlive) fire();
        }),
    };
  }
}
