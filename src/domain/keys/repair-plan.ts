// What a record needs to be complete again, given the states of its copies. Decides which copies may be replaced and which
// dropped: never one that may be good, and none whose loss would leave fewer proven copies (I6).
import type { FailedAttempt, VaultFailure } from '../failures/region-failures.js';
import type { KeyId, KeyVersion, Region } from '../ids.js';
import { regionsWhere, type CopyCheck } from './copy-check.js';
import type { KeyRecord } from './key-record.js';

export interface RepairPlan {
  /** Regions without a copy. */
  readonly missing: readonly Region[];
  /** Regions whose copy is proven not to open to the key: it may be replaced. */
  readonly unreadable: readonly Region[];
  /** Regions that cannot be repaired now: their copy was not checked, although they were called, or they are ejected. */
  readonly failed: readonly FailedAttempt[];
}

/**
 * A region that rejects its copy gets a new one: opening that proves the region works. A region that returned a wrong key
 * gets one only while it is not ejected, or one wrong key would be replaced by another.
 */
export function planRepair(check: CopyCheck, isEjected: (region: Region) => boolean): RepairPlan {
  const mismatched = regionsWhere(check, 'mismatched').filter((region) => !isEjected(region));
  const unreadable = [...regionsWhere(check, 'unreadable'), ...mismatched];
  const failed = check.flatMap(({ region, state }): FailedAttempt[] =>
    'failure' in state && !unreadable.includes(region) && !wasSkipped(state.failure)
      ? [{ region, failure: state.failure }]
      : [],
  );
  return { missing: regionsWhere(check, 'missing'), unreadable, failed };
}

/** A region that was not called, because it is known to be down, says nothing about its copy. */
const wasSkipped = (failure: VaultFailure): boolean =>
  failure.kind === 'region.unavailable' && failure.reason === 'ejected';

/** The record's regions that are no longer configured; none unless every configured region is proven to hold the key. */
export function droppable(
  record: KeyRecord,
  configured: readonly Region[],
  proven: readonly Region[],
  quorum: number,
): readonly Region[] {
  const isComplete = configured.every((region) => proven.includes(region));
  if (!isComplete || proven.length < quorum) return [];
  return [...record.ciphertexts.keys()].filter((region) => !configured.includes(region));
}

/** A key for which a read found no good copy in these regions. */
export interface RepairDebt {
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly regions: readonly Region[];
}
