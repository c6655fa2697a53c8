// The main act: find the key, or create it; then open it. Concurrent requests for one id share one flight.
import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import type { DataKey } from '../domain/data-key.js';
import type { GetKeyFailure } from '../domain/failures.js';
import { firstVersion, type KeyId, type KeyVersion, type Region } from '../domain/ids.js';
import { copiesIn, type KeyRecord } from '../domain/key-record.js';
import type { CreateKey, SettledKey } from './create-key.js';
import type { RegionCalls } from './region-calls.js';
import { SharedFlights } from './shared-flights.js';
import type { StoreCalls } from './store-calls.js';
import type { OpenedKey, UnwrapInAnyRegion } from './unwrap-in-any-region.js';

/** A key on its way to one caller, who wipes it. */
export interface ServedKey {
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly key: DataKey;
  /** The region that opened or generated it. */
  readonly region: Region;
  /** How many of the configured regions hold it, and how many are configured. */
  readonly copies: number;
  readonly regions: number;
  readonly created: boolean;
}

export interface KeyRequest {
  readonly id: KeyId;
  readonly mayCreate: boolean;
}

const noPermissionToCreate: GetKeyFailure = { kind: 'key.not-found' };

export class GetDataKey {
  private readonly flights = new SharedFlights<ServedKey, GetKeyFailure>(
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
  ) {}

  /** The key of `id`; without `mayCreate`, an id that has none is `key.not-found`. */
  get(request: KeyRequest, signal: AbortSignal): ResultAsync<ServedKey, GetKeyFailure> {
    const name = `${request.mayCreate ? 'create' : 'read'} ${request.id}`;
    const joinsLate = this.flights.has(name);
    const fly = (): ResultAsync<ServedKey, GetKeyFailure> =>
      this.flights.join(name, signal, (bounds) => this.findOrCreate(request, bounds));
    // A flight that began before this request may have looked before the key was made: absence is asked anew.
    return joinsLate
      ? fly().orElse((failure) => (failure.kind === 'key.not-found' ? fly() : errAsync(failure)))
      : fly();
  }

  private findOrCreate(
    { id, mayCreate }: KeyRequest,
    signal: AbortSignal,
  ): ResultAsync<ServedKey, GetKeyFailure> {
    return this.store
      .read((store, bounds) => store.find(id, firstVersion, bounds), signal)
      .andThen((record): ResultAsync<SettledKey, GetKeyFailure> => {
        if (record) return okAsync({ record });
        return mayCreate ? this.creation.create(id, signal) : errAsync(noPermissionToCreate);
      })
      .andThen((settled) => this.open(id, settled, signal));
  }

  private open(
    id: KeyId,
    { record, own }: SettledKey,
    signal: AbortSignal,
  ): ResultAsync<ServedKey, GetKeyFailure> {
    if (own) return okAsync(this.served(record, own, true));
    // A store may be wrong or tampered with: a record of another key is not opened for this one (I5).
    const asked =
      record.id === id && record.version === firstVersion
        ? ok(record)
        : err({ kind: 'key.unreadable', reason: 'broken', detail: 'record of another key' } as const);
    return asked
      .asyncAndThen((found) => this.unwrapping.open(found, signal))
      .map((opened) => this.served(record, opened, false));
  }

  private served(record: KeyRecord, { key, region }: OpenedKey, created: boolean): ServedKey {
    const { id, version } = record;
    const { regions } = this.regions;
    return { id, version, key, region, copies: copiesIn(record, regions), regions: regions.length, created };
  }
}
