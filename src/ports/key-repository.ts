// The store. Every implementation must pass test/contracts/key-repository-contract.ts, whose test names are the
// sentences below. It stores the fields of domain/keys/record-format.ts and reads them back through that file.
import type { Result, ResultAsync } from 'neverthrow';
import type {
  KeyCopiesNeeded,
  KeyUnreadable,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from '../domain/failures/store-failures.js';
import type { Genesis } from '../domain/keys/genesis.js';
import type { KeyId, KeyVersion, Region } from '../domain/ids.js';
import type { KeyRecord } from '../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../domain/keys/regional-ciphertext.js';
import { token } from './token.js';

/** One stored record of a scan. An unreadable record is named, not skipped, and does not end the scan. */
export interface PageEntry {
  readonly id: string;
  readonly version: number;
  readonly record: Result<KeyRecord, KeyUnreadable>;
}

/** Some records in the store's own order, and where to continue; no `next` after the last page. */
export interface KeyPage {
  readonly entries: readonly PageEntry[];
  readonly next?: string;
}

/**
 * Never throws. Reads are strongly consistent: every read sees what an earlier finished write stored. When `signal`
 * fires the call ends: a read with `call.aborted`, a write with `store.outcome-unknown`, because it may have
 * happened.
 */
export interface KeyRepository {
  /** The record, or undefined when there is none. A newer or broken record is `key.unreadable`, never undefined. */
  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure>;

  /**
   * Stores the record unless one with its (id, version) exists: the first write wins, atomically among all processes.
   * Returns the winner. An existing record, even an unreadable one, is never overwritten.
   */
  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure>;

  /**
   * Adds ciphertexts to the stored record, or replaces those of the same regions, if its revision and commitment are
   * still those of `record`; returns the new revision. Otherwise `store.revision-stale`, and nothing is written.
   */
  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale>;

  /**
   * Takes the ciphertexts of `regions` out of the stored record, if its revision and commitment are still those of
   * `record`; returns the new revision. Otherwise `store.revision-stale`; where no ciphertext would be left,
   * `key.copies-needed`. In both cases nothing is written.
   */
  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded>;

  /** About how many records there are, for the progress of a scan; undefined when that is not cheap to know. */
  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure>;

  /** Scans all records: every record that was there before the scan began is returned exactly once. */
  page(after: string | undefined, limit: number, signal: AbortSignal): ResultAsync<KeyPage, StoreReadFailure>;

  /** The genesis record, or undefined in a store that was not initialised. */
  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure>;

  /** Stores the genesis record unless there is one; returns the one that is there afterwards. */
  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure>;
}

export const KeyRepository = token<KeyRepository>('KeyRepository');
