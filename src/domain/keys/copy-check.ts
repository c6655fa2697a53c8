// What was found when every copy of a key was opened in its region: the state of each copy, and how many more regions the
// key can lose. A region that gave no answer says nothing about its copy.
import type { VaultFailure } from '../failures/region-failures.js';
import type { Region } from '../ids.js';

/**
 * `good`: opened to the right key. `missing`: not in the record. `unreadable`: rejected by its region. `mismatched`: opened
 * to another key. `not-checked`: the region gave no answer, for the reason in `failure`.
 */
export type CopyState =
  | { readonly kind: 'good' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable' | 'mismatched' | 'not-checked'; readonly failure: VaultFailure };

/** One configured region, and the state of its copy. */
export interface CheckedCopy {
  readonly region: Region;
  readonly state: CopyState;
}

/** All configured regions, in order of preference. */
export type CopyCheck = readonly CheckedCopy[];

/** What a failed attempt to open a copy says about that copy. */
export function copyStateOf(failure: VaultFailure): CopyState {
  switch (failure.kind) {
    case 'ciphertext.rejected':
      return { kind: 'unreadable', failure };
    case 'ciphertext.mismatched':
      return { kind: 'mismatched', failure };
    case 'region.unavailable':
    case 'region.untrusted':
    case 'region.throttled':
    case 'vault.misconfigured':
    case 'credentials.invalid':
    case 'vault.request-invalid':
    case 'call.aborted':
      return { kind: 'not-checked', failure };
  }
}

/**
 * `complete`: every copy is good. `not-checked`: nothing is wrong with any copy, but some could not be checked.
 * `incomplete`: a copy is missing or damaged, and at least two are good. `at-risk`: one good copy, and no other that may be
 * good. `lost`: no copy opens. `unknown`: a copy is missing or damaged, and it is at-risk or lost or neither, because some
 * regions could not be checked.
 */
export type KeyStatus = 'complete' | 'not-checked' | 'incomplete' | 'at-risk' | 'lost' | 'unknown';

export function statusOf(check: CopyCheck): KeyStatus {
  const good = goodRegions(check).length;
  const notChecked = regionsWhere(check, 'not-checked').length;
  if (good === check.length) return 'complete';
  if (good + notChecked === check.length) return 'not-checked';
  if (good > 1) return 'incomplete';
  if (notChecked > 0) return 'unknown';
  return good === 1 ? 'at-risk' : 'lost';
}

export const goodRegions = (check: CopyCheck): readonly Region[] => regionsWhere(check, 'good');

/** The regions whose copies are in this state. */
export const regionsWhere = (check: CopyCheck, kind: CopyState['kind']): readonly Region[] =>
  check.flatMap(({ region, state }) => (state.kind === kind ? [region] : []));
