// What a record needs to be whole again, as far as was found when its copies were opened. Decides which copies may be
// replaced and which dropped: never one that may be good, and none whose loss would leave fewer proven copies (I6).
import type { FailedAttempt } from '../failures/region-failures.js';
import type { KeyId, KeyVersion, Region } from '../ids.js';
import { regionsThatAre, type CopyCheck } from './copy-check.js';
import type { KeyRecord } from './key-record.js';

export interface RepairPlan {
  /** Regions without a copy. */
  readonly missing: readonly Region[];
  /** Regions whose copy is proven not to open to the key. */
  readonly unreadable: readonly Region[];
  /** Regions of which nothing could be learned, and those that may not be written to now. */
  readonly left: readonly FailedAttempt[];
}

/**
 * A region that rejects a ciphertext may be given another; that it then opens the new one proves it well. One that
 * answered with a wrong key must be well besides (`isEjected` says no), or wrong keys would be laid on wrong keys.
 */
export function planRepair(check: CopyCheck, isEjected: (region: Region) => boolean): RepairPlan {
  const wrong = regionsThatAre(check, 'mismatched').filter((region) => !isEjected(region));
  const unreadable = [...regionsThatAre(check, 'unreadable'), ...wrong];
  const missing = regionsThatAre(check, 'missing');
  const left = check.flatMap(({ region, state }): FailedAttempt[] =>
    'failure' in state && !unreadable.includes(region) ? [{ region, failure: state.failure }] : [],
  );
  return { missing, unreadable, left };
}

/** Regions of the record that left the configuration, if every configured region is proven to hold the key. */
export function droppable(
  record: KeyRecord,
  configured: readonly Region[],
  proven: readonly Region[],
  quorum: number,
): readonly Region[] {
  const isWhole = configured.every((region) => proven.includes(region));
  if (!isWhole || proven.length < quorum) return [];
  return [...record.ciphertexts.keys()].filter((region) => !configured.includes(region));
}

/** A key for which a read found no good copy in these regions. */
export interface RepairDebt {
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly regions: readonly Region[];
}
