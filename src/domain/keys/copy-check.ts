// What was found when every copy of a key was opened in its region. Decides what an answer says of a copy, and how many
// more failures a key can bear; a region that gave no answer says nothing about its copy.
import type { VaultFailure } from '../failures/region-failures.js';
import type { Region } from '../ids.js';

/** `not-checked`: the region could not be asked, and `failure` says why. */
export type CopyState =
  | { readonly kind: 'good' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable' | 'mismatched' | 'not-checked'; readonly failure: VaultFailure };

/** One configured region, and what it has of a key. */
export interface CheckedCopy {
  readonly region: Region;
  readonly state: CopyState;
}

/** All configured regions, in order of preference. */
export type CopyCheck = readonly CheckedCopy[];

/** What a failed attempt to open a copy says of that copy. */
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
 * `at-risk`: one good copy where there should be more, and no other that may be good. `lost`: no copy opens. `unknown`:
 * it may be either, since regions could not be asked.
 */
export type Standing = 'safe' | 'at-risk' | 'lost' | 'unknown';

export function standingOf(check: CopyCheck): Standing {
  const good = goodRegions(check).length;
  const unknown = check.filter(({ state }) => state.kind === 'not-checked').length;
  if (good > 1 || good === check.length) return 'safe';
  if (unknown > 0) return 'unknown';
  return good === 1 ? 'at-risk' : 'lost';
}

/** Whether every configured region holds a copy that opens. */
export const isWhole = (check: CopyCheck): boolean => check.every(({ state }) => state.kind === 'good');

export const goodRegions = (check: CopyCheck): readonly Region[] => regionsThatAre(check, 'good');

export const regionsThatAre = (check: CopyCheck, ...kinds: readonly CopyState['kind'][]): readonly Region[] =>
  check.flatMap(({ region, state }) => (kinds.includes(state.kind) ? [region] : []));
