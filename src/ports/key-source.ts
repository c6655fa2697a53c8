// Another system's store, from which keys are imported. An adapter only reads it and must never change it.
import type { Result, ResultAsync } from 'neverthrow';
import type { DataKey } from '../domain/keys/data-key.js';
import type { SourceEntryUnreadable } from '../domain/failures/key-failures.js';
import type { StoreReadFailure } from '../domain/failures/store-failures.js';
import type { VaultFailure } from '../domain/failures/region-failures.js';
import type { Region } from '../domain/ids.js';
import { token } from './token.js';

/** :: region -> its ciphertext of the key; never empty */
export type SourceCopies = ReadonlyMap<Region, Uint8Array>;

/** One entry. An unreadable one is returned with its failure, neither skipped nor the end of the scan. */
export interface SourceEntry {
  /** The id in the source, which may not be a valid RKMS id. */
  readonly id: string;
  readonly copies: Result<SourceCopies, SourceEntryUnreadable>;
}

/** Some entries in the source's order; `next` is where the next page begins, absent on the last page. */
export interface SourcePage {
  readonly entries: readonly SourceEntry[];
  readonly next?: string;
}

/** Never throws, tries once, and ends with `call.aborted` when `signal` fires. */
export interface KeySource {
  /** Its name in the audit log, as `dynamodb us-east-1 rkms_keys`. */
  readonly name: string;

  /** Following `next` returns every entry that existed when the scan began exactly once. */
  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<SourcePage, StoreReadFailure>;

  /**
   * The key in one region's copy, decrypted as the source's own software does; the caller wipes it. A plaintext that is not
   * 16, 32 or 64 bytes long is `ciphertext.mismatched`.
   */
  open(ciphertext: Uint8Array, region: Region, signal: AbortSignal): ResultAsync<DataKey, VaultFailure>;
}

export const KeySource = token<KeySource>('KeySource');
