// Runs one schedule: first its actions, then all faults end and every process, old and new, is asked for every key that was
// ever released. Returns the broken promises and how often each fault occurred.
import { firstVersion } from '../../src/domain/ids.js';
import { deployment, keyId, region } from '../support/names.js';
import { Faults, type Coverage } from './faults.js';
import { History, type Violation } from './history.js';
import { planOf, type Action, type Plan, type Schedule, type Timed, type WhichStore } from './plan.js';
import { Ports } from './port-call.js';
import { Random } from './random.js';
import { SimulatedKms } from './simulated-kms.js';
import { genesisOf, SimulatedProcess, type Surroundings } from './simulated-process.js';
import { rowName, SimulatedTable } from './simulated-store.js';
import { World } from './world.js';

export interface Outcome {
  readonly violation: Violation | undefined;
  /** Equal for two runs of one schedule. */
  readonly fingerprint: string;
  readonly coverage: Coverage;
  /** The numbers of the calls that had a fault. */
  readonly struck: readonly number[];
  readonly counts: History['counts'];
  readonly events: readonly string[] | undefined;
}

const ours = deployment('ours');
const theirs = deployment('theirs');
const regions = [region('r-one'), region('r-two'), region('r-three'), region('r-four')] as const;
const storeRegions = [region('s-one'), region('s-two'), region('s-three')] as const;
const ids = [keyId('orders/7'), keyId('orders/77'), keyId('users')] as const;
const quorum = 2;
const maxSteps = 20_000;

export async function runSchedule(schedule: Schedule, options = { record: false }): Promise<Outcome> {
  const run = new Run(planOf(schedule), options.record);
  await run.play();
  return run.outcome();
}

class Run {
  private readonly world: World;
  private readonly faults: Faults;
  private readonly history: History;
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly kms: SimulatedKms;
  private readonly tables: Readonly<Record<WhichStore, SimulatedTable>>;
  private readonly processes: SimulatedProcess[];
  private born = 0;
  private isHealed = false;
  private requests = 0;

  constructor(
    private readonly plan: Plan,
    record: boolean,
  ) {
    const { seed, haste, slowness, mode, faultRate, favourite, onlyFaults } = plan;
    this.random = new Random(seed, 2);
    this.world = new World(new Random(seed, 3), { haste, record });
    this.faults = new Faults({ seed, rate: faultRate, favourite, only: onlyFaults });
    this.kms = new SimulatedKms(new Random(seed, 4));
    this.history = new History(this.world, this.kms, {
      deployment: ours,
      quorum,
      keyTtlMs: this.plan.keyTtlMs,
    });
    const ports = new Ports(this.world, this.faults, new Random(seed, 7), slowness);
    const { world, kms, history } = this;
    this.around = { world, kms, ports, history, random: new Random(seed, 5), deployment: ours, quorum };
    const table = (): SimulatedTable =>
      new SimulatedTable(mode, storeRegions, world, new Random(seed, 6), history);
    this.tables = { ours: table(), empty: table(), foreign: table() };
    this.tables.foreign.found(genesisOf(this.tables.foreign, theirs, 0));
    if (plan.isInitialised) this.tables.ours.found(genesisOf(this.tables.ours, ours, 0));
    this.processes = Array.from({ length: plan.processes }, () => this.start([0, 1, 2], 'ours'));
  }

  async play(): Promise<void> {
    const { world, history, plan } = this;
    this.launch(plan.actions);
    const isBroken = (): boolean => history.violation !== undefined;
    const ended = await world.run(maxSteps, isBroken);
    if (ended === 'endless') history.broken('answered', `no end after ${maxSteps} steps`);
    if (isBroken()) return;
    history.checkAllAnswered();
    history.checkClaims();
    history.checkWiped();
    await this.readBack();
  }

  outcome(): Outcome {
    const { history, world, faults } = this;
    return {
      violation: history.violation,
      fingerprint: world.fingerprint,
      coverage: faults.coverage,
      struck: faults.struck,
      counts: history.counts,
      events: world.recorded,
    };
  }

  /** Without faults, every released key exists, is the same from every process, and opens in any region. */
  private async readBack(): Promise<void> {
    const { around, kms, tables, history, world, processes } = this;
    around.ports.heal();
    world.haste = 0;
    this.isHealed = true;
    kms.down.clear();
    tables.ours.down.clear();
    const isBroken = (): boolean => history.violation !== undefined;
    // What a process remembers must not keep it from answering.
    const old = processes.filter(({ isAlive, settings }) => isAlive && settings.table === tables.ours);
    await this.readAll(old, isBroken);
    if (isBroken()) return;
    for (const process of processes) process.die();
    await this.readAll([this.start([0, 1, 2, 3], 'ours'), this.start([0, 1, 2, 3], 'ours')], isBroken);
    if (this.plan.triesRegionsAlone && !isBroken()) await this.readInEachRegionAlone(isBroken);
    if (!isBroken()) history.checkWiped();
    world.note('end');
  }

  private async readAll(processes: readonly SimulatedProcess[], isBroken: () => boolean): Promise<void> {
    const { history, world } = this;
    const before = history.counts.released;
    const asked = ids.filter((id) => history.released.has(rowName({ id, version: firstVersion })));
    for (const process of processes) for (const id of asked) this.ask(process, id, false);
    await world.run(maxSteps, isBroken);
    if (isBroken()) return;
    const missing = asked.length * processes.length - (history.counts.released - before);
    if (missing > 0) history.broken('I1', `${missing} reads of released keys failed though all is well`);
  }

  private async readInEachRegionAlone(isBroken: () => boolean): Promise<void> {
    const { history, world, tables } = this;
    for (const record of tables.ours.records()) {
      if (!history.released.has(rowName(record))) continue;
      for (const copy of record.ciphertexts.values()) {
        if (this.kms.lineOf(copy)?.lost === true) continue;
        const before = history.counts.released;
        const at = regions.indexOf(copy.region);
        this.ask(this.start([at], 'ours'), record.id, false);
        await world.run(maxSteps, isBroken);
        if (isBroken()) return;
        if (history.counts.released === before) {
          history.broken('I3', `${rowName(record)} does not open with ${copy.region} alone`);
        }
      }
    }
  }

  private launch([next, ...rest]: readonly Timed[]): void {
    if (next === undefined) return;
    const go = (): void => {
      this.act(next);
      this.launch(rest);
    };
    if (next.waitMs > 0) this.world.after(next.waitMs, next.do, go);
    else this.world.soon(next.do, go);
  }

  private act(action: Action): void {
    const { kms, tables } = this;
    switch (action.do) {
      case 'ask':
        this.ask(this.at(action.process), ids[action.id] ?? ids[0], action.mayCreate, action.patienceMs);
        break;
      case 'leave':
        this.at(action.process).leave(this.random);
        break;
      case 'restart':
        this.at(action.process).die();
        this.processes[action.process] = this.start(action.regions, action.store);
        break;
      case 'vault-down':
        kms.down.add(regions[action.region] ?? regions[0]);
        break;
      case 'vault-up':
        kms.down.delete(regions[action.region] ?? regions[0]);
        break;
      case 'store-down':
        tables.ours.down.add(storeRegions[action.region] ?? storeRegions[0]);
        break;
      case 'store-up':
        tables.ours.down.delete(storeRegions[action.region] ?? storeRegions[0]);
        break;
      case 'probe':
        this.at(action.process).probe(this.random);
        break;
      case 'scan':
        this.at(action.process).scan(action.what);
        break;
      case 'initialise':
        this.initialise(this.at(action.process), action.isOurs ? ours : theirs);
        break;
      case 'lose-copy':
        this.loseCopy(ids[action.id] ?? ids[0], action.region);
        break;
    }
  }

  private ask(
    process: SimulatedProcess,
    id: (typeof ids)[number],
    mayCreate: boolean,
    patienceMs?: number,
  ): void {
    this.requests += 1;
    const requestId = `request ${this.requests}`;
    this.world.note(`${requestId} to ${process.name}: ${id}${mayCreate ? ', may create' : ''}`);
    process.ask({ id, requestId, mayCreate, ...(patienceMs !== undefined && { patienceMs }) });
  }

  /** RKMS cannot tolerate an operator who initialises a wrong store. */
  private initialise(process: SimulatedProcess, deployment: typeof ours): void {
    if (process.settings.table === this.tables.ours) process.initialise(deployment);
  }

  /** The process at this index; one that a fault ended was restarted. */
  private at(place: number): SimulatedProcess {
    const process = this.processes[place];
    if (process?.isAlive) return process;
    const next = this.start([0, 1, 2], 'ours');
    this.processes[place] = next;
    return next;
  }

  private start(configured: readonly number[], store: WhichStore): SimulatedProcess {
    this.born += 1;
    const name = `p${this.born}`;
    return new SimulatedProcess(this.around, {
      name,
      regions: configured.flatMap((at) => regions[at] ?? []),
      table: this.tables[store],
      cachedRecords: this.plan.cachedRecords,
      keyTtlMs: this.plan.keyTtlMs,
      ...(this.plan.repairsForMs !== undefined && !this.isHealed && { repairsForMs: this.plan.repairsForMs }),
    });
  }

  /** Damages a ciphertext, unless fewer than two other copies of its key are good. */
  private loseCopy(id: (typeof ids)[number], place: number): void {
    const record = this.tables.ours.truth(rowName({ id, version: firstVersion }));
    if (record === undefined) return;
    const lines = [...record.ciphertexts.values()].map((copy) => this.kms.lineOf(copy));
    const line = lines.find((each) => each?.region === regions[place]);
    if (line && lines.filter((each) => each?.lost === false).length > 2) line.lost = true;
  }
}
