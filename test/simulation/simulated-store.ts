// The store's tables: one row per key, in one region or in several. `single`: one replica. `strong`: every region sees the
// same table. `home`: each region has its own replica; writes reach the others late and out of order, and the last writer
// wins. A table follows its commands blindly; the checker sees every write.
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type {
  KeyCopiesNeeded,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from '../../src/domain/failures/store-failures.js';
import type { Genesis } from '../../src/domain/keys/genesis.js';
import type { KeyId, KeyVersion, Region } from '../../src/domain/ids.js';
import {
  hasSameCopies,
  withCiphertexts,
  withoutCiphertexts,
  type KeyRecord,
} from '../../src/domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { KeyPage, KeyRepository } from '../../src/ports/key-repository.js';
import type { PortMethod } from './faults.js';
import type { History } from './history.js';
import type { Caller, Ports, PortCall } from './port-call.js';
import type { Random } from './random.js';
import type { World } from './world.js';

export type StoreMode = 'single' | 'strong' | 'home';

/** Writes of one row within this many milliseconds conflict. */
const conflictMs = 60;

interface Row {
  readonly record: KeyRecord;
  readonly writtenMs: number;
  readonly writer: Region;
  /** Earlier values of the row, the oldest first: what a backup or a stale replica would return. */
  readonly past: readonly KeyRecord[];
}

interface Replica {
  readonly region: Region;
  readonly rows: Map<string, Row>;
  genesis: Genesis | undefined;
}

export const rowName = ({ id, version }: { readonly id: KeyId; readonly version: KeyVersion }): string =>
  `${id} ${version}`;

export class SimulatedTable {
  /** Regions in which the table does not answer for a while. */
  readonly down = new Set<Region>();
  private readonly replicas: ReadonlyMap<Region, Replica>;
  private readonly attempts = new Map<string, { readonly region: Region; readonly atMs: number }>();

  constructor(
    readonly mode: StoreMode,
    readonly regions: readonly [Region, ...Region[]],
    private readonly world: World,
    private readonly random: Random,
    private readonly history: History,
  ) {
    const shared: Replica = { region: regions[0], rows: new Map(), genesis: undefined };
    const own = (region: Region): Replica =>
      mode === 'home' ? { region, rows: new Map(), genesis: undefined } : shared;
    this.replicas = new Map(regions.map((region) => [region, region === regions[0] ? shared : own(region)]));
  }

  get home(): Region {
    return this.regions[0];
  }

  /** The authoritative content of the table. */
  truth(name: string): KeyRecord | undefined {
    return this.replica(this.home).rows.get(name)?.record;
  }

  records(region: Region = this.home): readonly KeyRecord[] {
    return [...this.replica(region).rows.values()].map(({ record }) => record);
  }

  find(region: Region, name: string): KeyRecord | undefined {
    return this.replica(region).rows.get(name)?.record;
  }

  past(region: Region, name: string): readonly KeyRecord[] {
    return this.replica(region).rows.get(name)?.past ?? [];
  }

  /** Whether a write conflicts with one of the same row in another region; only `strong` tables detect that. */
  conflicts(region: Region, name: string): boolean {
    if (this.mode !== 'strong') return false;
    const last = this.attempts.get(name);
    this.attempts.set(name, { region, atMs: this.world.nowMs });
    const isClose = last !== undefined && last.region !== region && this.world.nowMs - last.atMs < conflictMs;
    return isClose && this.random.chance(0.5);
  }

  put(caller: Caller, region: Region, record: KeyRecord, isDrop = false): KeyRecord {
    const name = rowName(record);
    const before = this.replica(region).rows.get(name);
    this.history.writes(caller, this, { before: before?.record, after: record, isDrop });
    const row: Row = {
      record,
      writtenMs: this.world.nowMs,
      writer: region,
      past: before ? [...before.past, before.record] : [],
    };
    this.replica(region).rows.set(name, row);
    this.replicate(name, row);
    return record;
  }

  genesis(region: Region): Genesis | undefined {
    return this.replica(region).genesis;
  }

  /** The genesis record is in every replica before the first process starts. */
  found(genesis: Genesis): void {
    for (const replica of this.replicas.values()) replica.genesis = genesis;
  }

  initialise(region: Region, genesis: Genesis): Genesis {
    const replica = this.replica(region);
    if (replica.genesis !== undefined) return replica.genesis;
    replica.genesis = genesis;
    for (const other of this.others(replica)) {
      this.travel('genesis', () => {
        other.genesis ??= genesis;
      });
    }
    return genesis;
  }

  private replicate(name: string, row: Row): void {
    for (const other of this.others(this.replica(row.writer))) {
      this.travel(name, () => {
        const held = other.rows.get(name);
        if (held !== undefined && !isNewer(row, held)) return;
        // Other replicas only follow the home region, so only its writes are checked.
        if (other.region === this.home) this.history.overwrites(this.home, held?.record, row.record);
        other.rows.set(name, row);
      });
    }
  }

  private travel(what: string, arrive: () => void): void {
    const label = `replication of ${what}`;
    if (this.random.chance(0.5)) this.world.soon(label, arrive);
    else this.world.after(this.random.below(4_000), label, arrive);
  }

  private others(replica: Replica): readonly Replica[] {
    return [...new Set(this.replicas.values())].filter((each) => each !== replica);
  }

  private replica(region: Region): Replica {
    const found = this.replicas.get(region);
    if (found === undefined) throw new Error(`the table has no replica in ${region}`);
    return found;
  }
}

const isNewer = (one: Row, other: Row): boolean => {
  if (one.writtenMs !== other.writtenMs) return one.writtenMs > other.writtenMs;
  return one.writer === other.writer
    ? one.record.revision > other.record.revision
    : one.writer > other.writer;
};

const refusals: readonly StoreReadFailure[] = [
  { kind: 'store.unavailable', cause: 'refused' },
  { kind: 'store.throttled' },
  { kind: 'store.misconfigured', detail: 'access denied' },
  { kind: 'credentials.invalid' },
];
const refusal = (random: Random): StoreReadFailure => random.pick(refusals);
const unanswered = (): StoreReadFailure => ({ kind: 'store.unavailable', cause: 'connection lost' });
const unknown = (): StoreWriteFailure => ({ kind: 'store.outcome-unknown', cause: 'connection lost' });

type Reply<T, F> = Pick<PortCall<T, F>, 'effect' | 'lie'>;

/** One region's table as one process sees it. */
export class SimulatedRepository implements KeyRepository {
  constructor(
    private readonly table: SimulatedTable,
    private readonly region: Region,
    private readonly caller: Caller,
    private readonly ports: Ports,
    private readonly history: History,
  ) {}

  find(id: KeyId, version: KeyVersion): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    const name = rowName({ id, version });
    return this.read('store.find', name, {
      effect: () => ok(this.table.find(this.region, name)),
      lie: (truth, random) =>
        truth.map((record) => (record === undefined ? undefined : this.twisted(record, random))),
    });
  }

  insert(record: KeyRecord): ResultAsync<KeyRecord, StoreWriteFailure> {
    const name = rowName(record);
    const insertion = this.history.inserts(this.caller, record);
    return this.write('store.insert', name, {
      effect: () => {
        const first = this.table.find(this.region, name);
        if (first) return ok(first);
        insertion.landed = true;
        return ok(this.table.put(this.caller, this.region, record));
      },
      // Not the true winner, but some other record. That the write succeeded must be true: it is believed.
      lie: (truth, random) => {
        const told = this.twisted(record, random);
        return hasSameCopies(told, record) ? truth : ok(told);
      },
    });
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    return this.change('store.addCiphertexts', record, (stored) => ok(withCiphertexts(stored, added)));
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    return this.change<KeyCopiesNeeded>('store.dropCiphertexts', record, (stored) =>
      withoutCiphertexts(stored, regions),
    );
  }

  count(): ResultAsync<number | undefined, StoreReadFailure> {
    return this.read<number | undefined>('store.count', '', {
      effect: () => ok(this.table.records(this.region).length),
      lie: (_truth, random) => ok(random.below(1_000)),
    });
  }

  page(after: string | undefined, limit: number): ResultAsync<KeyPage, StoreReadFailure> {
    const pageOf = (records: readonly KeyRecord[]): KeyPage => {
      const names = new Map(records.map((record) => [rowName(record), record]));
      const left = [...names].sort(([a], [b]) => (a < b ? -1 : 1)).filter(([name]) => name > (after ?? ''));
      const taken = left.slice(0, limit);
      const entries = taken.map(([, record]) => ({
        id: record.id,
        version: record.version,
        record: ok(record),
      }));
      const next = left.length > limit ? taken.at(-1)?.[0] : undefined;
      return { entries, ...(next !== undefined && { next }) };
    };
    return this.read('store.page', after ?? 'first', {
      effect: () => ok(pageOf(this.table.records(this.region))),
      lie: (_truth, random) =>
        ok(pageOf(this.table.records(this.region).map((record) => this.twisted(record, random)))),
    });
  }

  genesis(): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return this.read<Genesis | undefined>('store.genesis', '', {
      effect: () => ok(this.table.genesis(this.region)),
      lie: (_truth, random) => ok(random.chance(0.5) ? undefined : somebodyElses),
    });
  }

  initialise(genesis: Genesis): ResultAsync<Genesis, StoreWriteFailure> {
    return this.write('store.initialise', '', {
      effect: () => ok(this.table.initialise(this.region, genesis)),
      lie: () => ok(somebodyElses),
    });
  }

  /** By compare-and-set. A lie says that another write was first, or that this one succeeded. */
  private change<F = never>(
    method: 'store.addCiphertexts' | 'store.dropCiphertexts',
    record: KeyRecord,
    next: (stored: KeyRecord) => Result<KeyRecord, F>,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | F> {
    const name = rowName(record);
    this.history.changes(this.caller, record);
    const stale: StoreRevisionStale = { kind: 'store.revision-stale' };
    return this.write<KeyRecord, StoreRevisionStale | F>(method, name, {
      effect: () => {
        const stored = this.table.find(this.region, name);
        const isSame = stored?.revision === record.revision && stored.commitment === record.commitment;
        if (!isSame) return err(stale);
        return next(stored).map((after) =>
          this.table.put(this.caller, this.region, after, method === 'store.dropCiphertexts'),
        );
      },
      lie: (_truth, random) => (random.chance(0.5) ? err(stale) : next(record)),
    });
  }

  /** What a wrong or manipulated store may return instead: another record, ciphertexts of another key, an old value. */
  private twisted(record: KeyRecord, random: Random): KeyRecord {
    const others = this.table.records(this.region).filter(({ id }) => id !== record.id);
    const other = others.length > 0 ? random.pick(others) : undefined;
    switch (random.below(5)) {
      case 0:
        return other ?? record;
      case 1:
        return other ? { ...record, ciphertexts: other.ciphertexts } : record;
      case 2:
        return other ? { ...record, commitment: other.commitment } : record;
      case 3: {
        const past = this.table.past(this.region, rowName(record));
        return past.length > 0 ? random.pick(past) : record;
      }
      default:
        return { ...record, ciphertexts: new Map([...record.ciphertexts].slice(1)) };
    }
  }

  private read<T>(
    method: PortMethod,
    about: string,
    reply: Reply<T, StoreReadFailure>,
  ): ResultAsync<T, StoreReadFailure> {
    return this.send(method, about, reply, unanswered, unanswered());
  }

  private write<T, F>(
    method: PortMethod,
    about: string,
    { effect, ...reply }: Reply<T, F | StoreWriteFailure>,
  ): ResultAsync<T, F | StoreWriteFailure> {
    const written = (): Result<T, F | StoreWriteFailure> =>
      this.table.conflicts(this.region, about) ? err({ kind: 'store.conflicted' }) : effect();
    const unreachable: StoreWriteFailure = { kind: 'store.unavailable', cause: 'unreachable' };
    return this.send<T, F | StoreWriteFailure>(
      method,
      about,
      { effect: written, ...reply },
      unknown,
      unreachable,
    );
  }

  private send<T, F>(
    method: PortMethod,
    about: string,
    { effect, ...reply }: Reply<T, F | StoreReadFailure>,
    lost: () => F | StoreReadFailure,
    unreachable: F | StoreReadFailure,
  ): ResultAsync<T, F | StoreReadFailure> {
    const { table, region } = this;
    const reached = (): Result<T, F | StoreReadFailure> =>
      table.down.has(region) ? err(unreachable) : effect();
    return this.ports.call<T, F | StoreReadFailure>(this.caller, {
      method,
      about: `${about} in ${region}`,
      effect: reached,
      refusal,
      lost,
      ...reply,
    });
  }
}

const somebodyElses: Genesis = { deployment: 'theirs' as Genesis['deployment'], createdAtMs: 0 };
