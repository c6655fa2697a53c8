// A store of another make, from which keys are imported. Is only ever read: nothing here changes it.
import type { Result, ResultAsync } from 'neverthrow';
import type { DataKey } from '../domain/keys/data-key.js';
import type { SourceEntryUnreadable } from '../domain/failures/key-failures.js';
import type { StoreReadFailure } from '../domain/failures/store-failures.js';
import type { VaultFailure } from '../domain/failures/region-failures.js';
import type { Region } from '../domain/ids.js';
import { token } from './token.js';

/** :: region -> the ciphertext it made of the key; never empty */
export type SourceCopies = ReadonlyMap<Region, Uint8Array>;

/** One entry as it was found; what cannot be read is named, not skipped, and does not end the walk. */
export interface SourceEntry {
  /** As the source spells it, which may be no id of ours. */
  readonly id: string;
  readonly copies: Result<SourceCopies, SourceEntryUnreadable>;
}

/** Some entries in the source's own order, and where to go on; no `next` after the last. */
export interface SourcePage {
  readonly entries: readonly SourceEntry[];
  readonly next?: string;
}

/** Never throws, tries once, and ends with `call.aborted` when `signal` fires. */
export interface KeySource {
  /** What it is called in the audit log, as `dynamodb us-east-1 rkms_keys`. */
  readonly name: string;

  /** Walks all entries: every one that was there before the walk began is answered exactly once. */
  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<SourcePage, StoreReadFailure>;

  /**
   * The key inside one region's copy, opened as the source's maker did; it belongs to the caller, who wipes it. A
   * plaintext that is not 16, 32 or 64 bytes long is `ciphertext.mismatched`.
   */
  open(ciphertext: Uint8Array, region: Region, signal: AbortSignal): ResultAsync<DataKey, VaultFailure>;
}

export const KeySource = token<KeySource>('KeySource');
