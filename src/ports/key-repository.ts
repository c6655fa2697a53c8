// The store. What every implementation promises is held by test/contracts/key-repository-contract.ts, whose test names
// are the sentences below. An implementation stores the fields of domain/keys/record-format.ts and reads them back through it.
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

/** One stored record on a walk; an unreadable one is named, not skipped, and does not end the walk. */
export interface PageEntry {
  readonly id: string;
  readonly version: number;
  readonly record: Result<KeyRecord, KeyUnreadable>;
}

/** Some records in the store's own order, and where to go on; no `next` after the last. */
export interface KeyPage {
  readonly entries: readonly PageEntry[];
  readonly next?: string;
}

/**
 * Never throws. Reads are strongly consistent: what a finished write stored, every later read answers. When `signal`
 * fires the call ends: a read with `call.aborted`, a write with `store.outcome-unknown`, for it may have happened.
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
   * Answers with the winner, whichever it is. An existing record, even an unreadable one, is never overwritten.
   */
  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure>;

  /**
   * Adds ciphertexts to the stored record, or replaces those of the same regions, if its revision and commitment are still those of
   * `record`; answers with the new revision. Otherwise `store.revision-stale`, and nothing is written.
   */
  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale>;

  /**
   * Takes the ciphertexts of `regions` out of the stored record, if its revision and commitment are still those of
   * `record`; answers with the new revision. Otherwise `store.revision-stale`; where no ciphertext would be left,
   * `key.copies-needed`. In both cases nothing is written.
   */
  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded>;

  /** About how many records there are, for a walk's progress; undefined where that is not cheap to know. */
  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure>;

  /** Walks all records: every one that was there before the walk began is answered exactly once. */
  page(after: string | undefined, limit: number, signal: AbortSignal): ResultAsync<KeyPage, StoreReadFailure>;

  /** The genesis record, or undefined in a store that nobody initialised. */
  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure>;

  /** Stores the genesis record unless there is one; answers with the one that is there afterwards. */
  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure>;
}

export const KeyRepository = token<KeyRepository>('KeyRepository');
