// The main use case: finds the key of an id or creates it, then opens it. Concurrent requests for one id share one
// execution. Never creates a key for a caller that may not create, and writes nothing when it reads (I9). Only the store,
// never a cache, says that there is no key.
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { CreationOverQuota, GetKeyFailure } from '../../domain/failures/key-failures.js';
import { firstVersion, type CallerId, type KeyId, type Region } from '../../domain/ids.js';
import { copiesIn, hasSameCopies, type KeyRecord } from '../../domain/keys/key-record.js';
import type { CreateKey, StoredKey } from './create-key.js';
import type { RegionCalls } from '../regions/region-calls.js';
import { SingleFlight } from '../resilience/single-flight.js';
import type { ConcurrencyLimit } from '../resilience/concurrency-limit.js';
import type { CachedRecord, RecordCache } from '../store/record-cache.js';
import { findRecord, type StoreCalls } from '../store/store-calls.js';
import type { KeyCache } from './key-cache.js';
import type { ServedKey } from './served-key.js';
import type { OpenedKey, UnwrapInAnyRegion } from './unwrap-in-any-region.js';
import type { RepairDebt } from '../../domain/keys/repair-plan.js';

export interface KeyRequest {
  readonly id: KeyId;
  readonly mayCreate: boolean;
  /** Whose quota is charged if a key is created; without it, none is. */
  readonly payer?: CreationPayer;
}

export interface CreationPayer {
  readonly caller: CallerId;
  /**
   * Charges one key to the caller's quota, or refuses. Called once, and only when the store holds no key. What it returns
   * is called if no key was created: only created keys count towards the day's limit.
   */
  readonly pay: () => Result<() => void, CreationOverQuota>;
}

const notFound: GetKeyFailure = { kind: 'key.not-found' };
const ofAnotherKey: GetKeyFailure = {
  kind: 'key.unreadable',
  reason: 'broken',
  detail: 'record of another key',
};

export class GetDataKey {
  private readonly singleFlight = new SingleFlight<ServedKey, GetKeyFailure>(
    {
      copy: (served) => ({ ...served, key: served.key.copy() }),
      discard: (served) => {
        served.key.wipe();
      },
    },
    { kind: 'call.aborted' },
  );

  constructor(
    private readonly store: StoreCalls,
    private readonly records: RecordCache,
    private readonly kept: KeyCache,
    private readonly creation: CreateKey,
    private readonly unwrapping: UnwrapInAnyRegion,
    private readonly regions: RegionCalls,
    private readonly noteDebt: (debt: RepairDebt) => void,
    /** Limits concurrent creations: under load, opening existing keys has priority over creating new ones. */
    private readonly creations: ConcurrencyLimit,
    /** Called for every request that waits for the result of another request. */
    private readonly noteJoin: () => void = () => undefined,
  ) {}

  /** The key of `id`; without `mayCreate`, an id that has none is `key.not-found`. */
  get(request: KeyRequest, signal: AbortSignal): Promise<Result<ServedKey, GetKeyFailure>> {
    const kept = this.kept.get(request.id);
    if (kept !== undefined) return Promise.resolve(ok(kept));
    const name = `${request.mayCreate ? 'create' : 'read'} ${request.id}`;
    if (this.singleFlight.has(name)) return this.share(name, request, signal);
    return this.execute(name, request, signal);
  }

  private execute(
    name: string,
    request: KeyRequest,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    return this.singleFlight.join(name, signal, (bounds) => this.findOrCreate(request, bounds));
  }

  /**
   * Joins an execution that began before this request. It may have read the store before the key was created, so
   * `key.not-found` is checked again. If another caller's quota was used up, this caller's own quota is tried.
   */
  private async share(
    name: string,
    request: KeyRequest,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    this.noteJoin();
    const shared = await this.execute(name, request, signal);
    if (shared.isOk()) return shared;
    if (shared.error.kind === 'key.not-found') return this.execute(name, request, signal);
    return shared.error.kind === 'creation.over-quota' && request.payer
      ? this.execute(`${name} ${request.payer.caller}`, request, signal)
      : shared;
  }

  private async findOrCreate(
    request: KeyRequest,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    const { id } = request;
    const cached = this.records.get(id);
    const found = await (cached ? this.openCached(id, cached, signal) : this.askStore(request, signal));
    if (found.isOk()) this.kept.put(found.value);
    return found;
  }

  private async askStore(
    { id, mayCreate, payer }: KeyRequest,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    if (mayCreate) this.creation.prepare();
    const found = await this.store.read(findRecord(id, firstVersion), signal);
    if (found.isErr()) return err(found.error);
    if (found.value) return this.openStored(id, found.value, signal);
    if (!mayCreate) return err(notFound);
    const stored = await this.creations.run(() => new ResultAsync(this.create(id, payer, signal)));
    if (stored.isErr()) return err(stored.error);
    const { record, own } = stored.value;
    if (own === undefined) return this.openStored(id, record, signal);
    this.noteLacking(record, []);
    this.records.put(record);
    return ok({ ...this.served(record, own, true), genesis: own.genesis });
  }

  /** A copy of the cache that does not open may have been replaced since: then that of the store is opened. */
  private async openCached(
    id: KeyId,
    { record, ageMs }: CachedRecord,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    const opened = await this.open(record, signal);
    if (opened.isOk()) return ok({ ...opened.value, recordAgeMs: ageMs });
    const failure = opened.error;
    if (failure.kind !== 'key.unreadable' && failure.kind !== 'regions.exhausted') return err(failure);
    const found = await this.store.read(findRecord(id, firstVersion), signal);
    if (found.isErr()) return err(failure.kind === 'key.unreadable' ? found.error : failure);
    const isNewer = found.value !== undefined && !hasSameCopies(found.value, record);
    return isNewer ? this.openStored(id, found.value, signal) : err(failure);
  }

  private async create(
    id: KeyId,
    payer: CreationPayer | undefined,
    signal: AbortSignal,
  ): Promise<Result<StoredKey, GetKeyFailure>> {
    const paid: Result<() => void, GetKeyFailure> = payer?.pay() ?? ok(() => undefined);
    if (paid.isErr()) return err(paid.error);
    const created = await this.creation.create(id, signal);
    const isOurs = created.isOk()
      ? created.value.own !== undefined
      : created.error.kind === 'store.outcome-unknown';
    if (!isOurs) paid.value();
    return created;
  }

  /** Puts the record into the cache once its key is known to be right. */
  private async openStored(
    id: KeyId,
    record: KeyRecord,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    // The store may be wrong or tampered with: the record of another key is never opened for this one (I5).
    if (record.id !== id || record.version !== firstVersion) return err(ofAnotherKey);
    const opened = await this.open(record, signal);
    if (opened.isOk()) this.records.put(record);
    return opened;
  }

  private async open(record: KeyRecord, signal: AbortSignal): Promise<Result<ServedKey, GetKeyFailure>> {
    const opened = await this.unwrapping.open(record, signal);
    if (opened.isErr()) return err(opened.error);
    this.noteLacking(record, opened.value.faulty);
    return ok(this.served(record, opened.value, false));
  }

  /** Reading only notes that a repair is needed (I9). `noteDebt` must not delay the answer. */
  private noteLacking({ id, version, ciphertexts }: KeyRecord, faulty: readonly Region[]): void {
    const regions = this.regions.regions.filter(
      (region) => !ciphertexts.has(region) || faulty.includes(region),
    );
    if (regions.length > 0) this.noteDebt({ id, version, regions });
  }

  private served(
    record: KeyRecord,
    { key, region, attempts, hedged, failover }: Omit<OpenedKey, 'faulty'>,
    created: boolean,
  ): ServedKey {
    const { id, version } = record;
    const { regions } = this.regions;
    const copies = copiesIn(record, regions);
    const effort = { attempts, hedged, ...(failover && { failover }) };
    return { id, version, key, region, copies, regions: regions.length, created, ...effort };
  }
}
