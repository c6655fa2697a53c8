// A store in a Map, for tests: it keeps encoded fields, as a real store does, and passes the same contract.
import { err, errAsync, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type {
  KeyCopiesNeeded,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from '../../src/domain/failures/store-failures.js';
import type { Genesis } from '../../src/domain/keys/genesis.js';
import type { KeyId, KeyVersion, Region } from '../../src/domain/ids.js';
import { withCiphertexts, withoutCiphertexts, type KeyRecord } from '../../src/domain/keys/key-record.js';
import { decodeRecord, encodeRecord, type UntrustedFields } from '../../src/domain/keys/record-format.js';
import type { RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { KeyPage, KeyRepository } from '../../src/ports/key-repository.js';

export class InMemoryKeyRepository implements KeyRepository {
  /** :: "id version" -> the stored fields. Tests may put anything here. */
  readonly rows = new Map<string, UntrustedFields>();
  #genesis: Genesis | undefined;

  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    if (signal.aborted) return errAsync({ kind: 'call.aborted' });
    return this.read(rowName(id, version)).asyncMap(resolved);
  }

  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    if (signal.aborted) return errAsync({ kind: 'store.outcome-unknown' });
    const name = rowName(record.id, record.version);
    if (!this.rows.has(name)) this.rows.set(name, encodeRecord(record));
    return this.read(name)
      .map((winner) => winner ?? record)
      .asyncMap(resolved);
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    if (signal.aborted) return errAsync({ kind: 'store.outcome-unknown' });
    return this.unlessStale(record)
      .map((stored) => this.keep(withCiphertexts(stored, added)))
      .asyncMap(resolved);
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    if (signal.aborted) return errAsync({ kind: 'store.outcome-unknown' });
    return this.unlessStale(record)
      .andThen((stored): Result<KeyRecord, KeyCopiesNeeded> => withoutCiphertexts(stored, regions))
      .map((next) => this.keep(next))
      .asyncMap(resolved);
  }

  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    return signal.aborted ? errAsync({ kind: 'call.aborted' }) : okAsync(this.rows.size);
  }

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<KeyPage, StoreReadFailure> {
    if (signal.aborted) return errAsync({ kind: 'call.aborted' });
    const names = [...this.rows.keys()].sort().filter((name) => after === undefined || name > after);
    const taken = names.slice(0, limit);
    const entries = taken.map((name) => {
      const fields = this.rows.get(name) ?? {};
      const [id = '', version] = name.split(' ');
      return { id, version: Number(version), record: decodeRecord(fields) };
    });
    const next = names.length > limit ? taken.at(-1) : undefined;
    return okAsync(next === undefined ? { entries } : { entries, next });
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return signal.aborted ? errAsync({ kind: 'call.aborted' }) : okAsync(this.#genesis);
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    if (signal.aborted) return errAsync({ kind: 'store.outcome-unknown' });
    this.#genesis ??= genesis;
    return okAsync(this.#genesis);
  }

  private unlessStale(record: KeyRecord): Result<KeyRecord, StoreReadFailure | StoreRevisionStale> {
    return this.read(rowName(record.id, record.version)).andThen((stored) => {
      const same = stored?.revision === record.revision && stored.commitment === record.commitment;
      return same ? ok(stored) : err({ kind: 'store.revision-stale' } as const);
    });
  }

  private keep(record: KeyRecord): KeyRecord {
    this.rows.set(rowName(record.id, record.version), encodeRecord(record));
    return record;
  }

  private read(name: string): Result<KeyRecord | undefined, StoreReadFailure> {
    const fields = this.rows.get(name);
    return fields === undefined ? ok(undefined) : decodeRecord(fields);
  }
}

const rowName = (id: KeyId, version: KeyVersion): string => `${id} ${version}`;
const resolved = <T>(value: T): Promise<T> => Promise.resolve(value);
