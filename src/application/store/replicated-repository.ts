// The store in one or several regions, as one store. In the mode `strong` a condition holds in all regions: any may be read
// and written. In the mode `home` the last writer wins between regions, so all writes go to one region, and only that region
// can say that a record does not exist. Never reports a write as done that it did not see done, nor as not done when it may
// have happened (I8).
import { err, errAsync, ok, ResultAsync, type Result } from 'neverthrow';
import {
  afterStoreRead,
  outcomeOfWrite,
  type KeyCopiesNeeded,
  type StoreFailure,
  type StoreReadFailure,
  type StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { KeyId, KeyVersion, Region } from '../../domain/ids.js';
import { holdsCiphertext, withoutCiphertexts, type KeyRecord } from '../../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyPage, KeyRepository } from '../../ports/key-repository.js';
import { pause } from '../../domain/pause.js';
import type { Attempt } from '../resilience/hedged-race.js';
import {
  absentHere,
  afterRead,
  scanLost,
  staleIfNeeded,
  whyUnread,
  whyUnwritten,
  type AbsentHere,
  type ChangeFailure,
} from './replication-failures.js';
import { findRecord, readGenesis, type StoreAct } from './store-calls.js';
import type { ReadBounds, StoreRegions, StoreReplica } from './store-regions.js';

export type ReplicationMode =
  { readonly kind: 'single' | 'strong' } | { readonly kind: 'home'; readonly home: Region };

/** How often a write is tried in one region when other regions write the same record, and the pauses between. */
const conflicts = { tries: 4, firstPauseMs: 20, maxPauseMs: 100 } as const;

export class ReplicatedRepository implements KeyRepository {
  constructor(
    private readonly regions: StoreRegions,
    private readonly mode: ReplicationMode,
  ) {}

  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    return this.read(findRecord(id, version), signal);
  }

  /** May store the same record in several attempts: the answer is the record that is there afterwards. */
  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    return this.write({ operation: 'insert', run: (store, own) => store.insert(record, own) }, signal);
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, ChangeFailure> {
    return this.compareAndSet(
      record,
      { operation: 'update', run: (store, own) => store.addCiphertexts(record, added, own) },
      (found) => added.every((ciphertext) => holdsCiphertext(found, ciphertext)),
      signal,
    );
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, ChangeFailure | KeyCopiesNeeded> {
    // A change that would leave no ciphertext is refused before any region is called.
    return withoutCiphertexts(record, regions).asyncAndThen(() =>
      this.compareAndSet(
        record,
        {
          operation: 'update',
          run: (store, own) => store.dropCiphertexts(record, regions, own).mapErr(staleIfNeeded),
        },
        (found) => !regions.some((region) => found.ciphertexts.has(region)),
        signal,
      ),
    );
  }

  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    return this.read(
      { operation: 'page', run: (store, at) => store.count(at) },
      signal,
      this.authoritative(),
    );
  }

  /** A scan stays in the region in which it began: regions may return records in different orders. */
  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<KeyPage, StoreReadFailure> {
    const [, name = '', inner] = after === undefined ? [] : (/^([^ ]*) (.*)$/s.exec(after) ?? []);
    const replicas = this.authoritative().filter(({ region }) => after === undefined || region === name);
    return new ResultAsync(this.pageIn(replicas, inner, limit, signal));
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return this.read(readGenesis, signal);
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    return this.write({ operation: 'initialise', run: (store, at) => store.initialise(genesis, at) }, signal);
  }

  /** The regions that may be written. Only they can say that a record does not exist. */
  private authoritative(): readonly StoreReplica[] {
    const { mode, regions } = this;
    return regions.order().filter(({ region }) => mode.kind !== 'home' || region === mode.home);
  }

  /** The home region comes first while it is not ejected; the others may lack records that it has. */
  private readers(): readonly StoreReplica[] {
    const { mode } = this;
    const order = this.regions.order();
    if (mode.kind !== 'home' || this.regions.isEjected(mode.home)) return order;
    return [...this.authoritative(), ...order.filter(({ region }) => region !== mode.home)];
  }

  private read<T>(
    act: StoreAct<T | undefined, StoreReadFailure>,
    signal: AbortSignal,
    replicas = this.readers(),
  ): ResultAsync<T | undefined, StoreReadFailure> {
    return new ResultAsync(this.readIn(replicas, act, signal));
  }

  private async readIn<T>(
    replicas: readonly StoreReplica[],
    act: StoreAct<T | undefined, StoreReadFailure>,
    signal: AbortSignal,
  ): Promise<Result<T | undefined, StoreReadFailure>> {
    const authoritative = this.authoritative();
    type Found = ResultAsync<T | undefined, StoreReadFailure | AbsentHere>;
    const run = (replica: StoreReplica, ...bounds: ReadBounds): Found => {
      const found = this.regions.read(replica, act, ...bounds);
      if (authoritative.includes(replica)) return found;
      return found.andThen((record) => (record === undefined ? err(absentHere) : ok(record)));
    };
    const read = await this.regions.race(replicas, run, afterRead, signal);
    return read.isOk() ? ok(read.value.value) : err(whyUnread(read.error));
  }

  private async pageIn(
    replicas: readonly StoreReplica[],
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<Result<KeyPage, StoreReadFailure>> {
    const attempts: Attempt<StoreReadFailure>[] = [];
    for (const replica of replicas) {
      const act: StoreAct<KeyPage, StoreReadFailure> = {
        operation: 'page',
        run: (store, own) => store.page(after, limit, own),
      };
      const page = await this.regions.read(replica, act, signal);
      if (page.isOk()) return ok(inRegion(page.value, replica.region));
      if (afterStoreRead(page.error) === 'stop') return err(page.error);
      attempts.push({ region: replica.region, failure: page.error });
    }
    return err(attempts.length === 0 ? scanLost : whyUnread(attempts));
  }

  /** Writes in the first region that accepts the write. After an unclear answer, the next region is tried. */
  private write<T>(
    act: StoreAct<T, StoreWriteFailure>,
    signal: AbortSignal,
  ): ResultAsync<T, StoreWriteFailure> {
    return new ResultAsync(this.writeInTurn(act, signal)).mapErr((attempts) => whyUnwritten(attempts));
  }

  /**
   * A write that can succeed only once. If an earlier attempt of unknown outcome did succeed, the next one is stale.
   * Then the record is read: `isDone` says whether it holds what was written.
   */
  private compareAndSet(
    record: KeyRecord,
    act: StoreAct<KeyRecord, ChangeFailure>,
    isDone: (found: KeyRecord) => boolean,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, ChangeFailure> {
    return new ResultAsync(this.writeInTurn(act, signal)).orElse((attempts) => {
      const why = whyUnwritten(attempts);
      const isUnclear = attempts.some(({ failure }) => outcomeOfWrite(failure) === 'unknown');
      return isUnclear ? this.readBack(record, isDone, signal) : errAsync(why);
    });
  }

  private readBack(
    record: KeyRecord,
    isDone: (found: KeyRecord) => boolean,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, ChangeFailure> {
    const { id, version, commitment, revision } = record;
    return this.read(findRecord(id, version), signal, this.authoritative())
      .mapErr((cause): StoreWriteFailure => ({ kind: 'store.outcome-unknown', cause: cause.kind }))
      .andThen((found): Result<KeyRecord, ChangeFailure> => {
        if (found?.commitment !== commitment) return err({ kind: 'store.revision-stale' });
        if (found.revision > revision && isDone(found)) return ok(found);
        // At the old revision, a write that is still on its way may succeed later; at a newer one it cannot.
        return found.revision === revision
          ? err({ kind: 'store.outcome-unknown', cause: 'not written yet' })
          : err({ kind: 'store.revision-stale' });
      });
  }

  private async writeInTurn<T, F extends StoreFailure>(
    act: StoreAct<T, F>,
    signal: AbortSignal,
  ): Promise<Result<T, readonly Attempt<F | StoreWriteFailure>[]>> {
    const attempts: Attempt<F | StoreWriteFailure>[] = [];
    for (const replica of this.authoritative()) {
      const written = await this.writeDespiteConflicts(replica, act, signal);
      if (written.isOk()) return ok(written.value);
      attempts.push({ region: replica.region, failure: written.error });
      if (outcomeOfWrite(written.error) === 'refused') break;
    }
    return err(attempts);
  }

  private async writeDespiteConflicts<T, F extends StoreFailure>(
    replica: StoreReplica,
    act: StoreAct<T, F>,
    signal: AbortSignal,
    tried = 1,
  ): Promise<Result<T, F | StoreWriteFailure>> {
    const { clock } = this.regions;
    const written = await this.regions.write(replica, act, signal);
    const isConflict = written.isErr() && outcomeOfWrite(written.error) === 'conflicted';
    if (!isConflict || tried === conflicts.tries || signal.aborted) return written;
    const maxMs = Math.min(conflicts.maxPauseMs, conflicts.firstPauseMs * 2 ** (tried - 1));
    await pause(clock, clock.random() * maxMs, signal);
    return this.writeDespiteConflicts(replica, act, signal, tried + 1);
  }
}

const inRegion = ({ entries, next }: KeyPage, region: Region): KeyPage =>
  next === undefined ? { entries } : { entries, next: `${region} ${next}` };
