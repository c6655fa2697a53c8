// The main act: find the key, or create it; then open it. Concurrent requests for one id share one flight.
import { err, errAsync, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { CreationOverQuota, GetKeyFailure } from '../../domain/failures/key-failures.js';
import { firstVersion, type CallerId, type KeyId, type KeyVersion, type Region } from '../../domain/ids.js';
import { copiesIn, type KeyRecord } from '../../domain/keys/key-record.js';
import type { KeyServed } from '../../ports/telemetry.js';
import type { CreateKey, SettledKey } from './create-key.js';
import type { RegionCalls } from '../regions/region-calls.js';
import { SingleFlight } from '../resilience/single-flight.js';
import type { ConcurrencyLimit } from '../resilience/concurrency-limit.js';
import { findRecord, type StoreCalls } from '../store/store-calls.js';
import type { OpenedKey, UnwrapInAnyRegion } from './unwrap-in-any-region.js';
import type { RepairDebt } from '../../domain/keys/repair-plan.js';

/** A key on its way to one caller, who wipes it. */
export interface ServedKey extends KeyServed {
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly key: DataKey;
}

export interface KeyRequest {
  readonly id: KeyId;
  readonly mayCreate: boolean;
  /** Who pays for the key if one is made; without it nobody does. */
  readonly payer?: CreationPayer;
}

export interface CreationPayer {
  readonly caller: CallerId;
  /** Takes one key off the caller's quota, or refuses; called once, when the store holds no key. */
  readonly pay: () => Result<void, CreationOverQuota>;
}

const noPermissionToCreate: GetKeyFailure = { kind: 'key.not-found' };

export class GetDataKey {
  private readonly flights = new SingleFlight<ServedKey, GetKeyFailure>(
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
    private readonly creation: CreateKey,
    private readonly unwrapping: UnwrapInAnyRegion,
    private readonly regions: RegionCalls,
    private readonly noteDebt: (debt: RepairDebt) => void,
    /** How many keys may be made at the same time: under load, keys that exist go before new ones. */
    private readonly creations: ConcurrencyLimit,
    /** Told of every request that waits for the answer to another one's. */
    private readonly noteJoin: () => void = () => undefined,
  ) {}

  /** The key of `id`; without `mayCreate`, an id that has none is `key.not-found`. */
  get(request: KeyRequest, signal: AbortSignal): ResultAsync<ServedKey, GetKeyFailure> {
    const name = `${request.mayCreate ? 'create' : 'read'} ${request.id}`;
    const joinsLate = this.flights.has(name);
    const fly = (as = name): ResultAsync<ServedKey, GetKeyFailure> =>
      this.flights.join(as, signal, (bounds) => this.findOrCreate(request, bounds));
    if (!joinsLate) return fly();
    this.noteJoin();
    return fly().orElse((failure) => this.afterLateJoin(failure, name, request, fly));
  }

  /**
   * A flight that began before this request may have looked before the key was made: absence is asked anew. One that
   * another caller could not pay for is flown again on this caller's own account.
   */
  private afterLateJoin(
    failure: GetKeyFailure,
    name: string,
    { payer }: KeyRequest,
    fly: (name?: string) => ResultAsync<ServedKey, GetKeyFailure>,
  ): ResultAsync<ServedKey, GetKeyFailure> {
    if (failure.kind === 'key.not-found') return fly();
    return failure.kind === 'creation.over-quota' && payer
      ? fly(`${name} ${payer.caller}`)
      : errAsync(failure);
  }

  private findOrCreate(
    { id, mayCreate, payer }: KeyRequest,
    signal: AbortSignal,
  ): ResultAsync<ServedKey, GetKeyFailure> {
    return this.store
      .read(findRecord(id, firstVersion), signal)
      .andThen((record): ResultAsync<SettledKey, GetKeyFailure> => {
        if (record) return okAsync({ record });
        if (!mayCreate) return errAsync(noPermissionToCreate);
        return this.creations.run(() => this.create(id, payer, signal));
      })
      .andThen((settled) => this.open(id, settled, signal));
  }

  private create(
    id: KeyId,
    payer: CreationPayer | undefined,
    signal: AbortSignal,
  ): ResultAsync<SettledKey, GetKeyFailure> {
    const paid: Result<void, GetKeyFailure> = payer?.pay() ?? ok();
    return paid.asyncAndThen(() => this.creation.create(id, signal));
  }

  private open(
    id: KeyId,
    { record, own }: SettledKey,
    signal: AbortSignal,
  ): ResultAsync<ServedKey, GetKeyFailure> {
    if (own) {
      this.noteLacking(record, []);
      return okAsync(this.served(record, own, true));
    }
    // A store may be wrong or tampered with: a record of another key is not opened for this one (I5).
    const asked =
      record.id === id && record.version === firstVersion
        ? ok(record)
        : err({ kind: 'key.unreadable', reason: 'broken', detail: 'record of another key' } as const);
    return asked
      .asyncAndThen((found) => this.unwrapping.open(found, signal))
      .map((opened) => {
        this.noteLacking(record, opened.faulty);
        return this.served(record, opened, false);
      });
  }

  /** Reading writes nothing but the wish to repair (I9); whoever takes the note must not delay the answer. */
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
