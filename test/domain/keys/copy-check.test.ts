// What opening every copy of a key says about it: each failure accuses the copy or only the region, and the number of good
// copies says how much the key can bear.
import { describe, expect, it } from '@jest/globals';
import {
  copyStateOf,
  isWhole,
  standingOf,
  type CopyState,
  type CopyCheck,
} from '../../../src/domain/keys/copy-check.js';
import { region } from '../../support/names.js';
import { vaultFailureKinds, vaultFailures } from '../../support/vault-failures.js';

const states: Readonly<Record<string, CopyState>> = {
  g: { kind: 'good' },
  m: { kind: 'missing' },
  u: { kind: 'unreadable', failure: vaultFailures['ciphertext.rejected'] },
  w: { kind: 'mismatched', failure: vaultFailures['ciphertext.mismatched'] },
  n: { kind: 'not-checked', failure: vaultFailures['region.unavailable'] },
};

/** A check whose regions are as the letters say. */
const check = (letters: string): CopyCheck =>
  Array.from(letters, (letter, index) => ({
    region: region(`r${index}`),
    state: states[letter] ?? { kind: 'missing' },
  }));

describe('a failure to open a copy', () => {
  it('accuses the copy only where the region answered and refused it or answered with another key', () => {
    const kinds = vaultFailureKinds.map((kind) => [kind, copyStateOf(vaultFailures[kind]).kind]);
    expect(Object.fromEntries(kinds)).toEqual({
      'region.unavailable': 'not-checked',
      'region.untrusted': 'not-checked',
      'region.throttled': 'not-checked',
      'vault.misconfigured': 'not-checked',
      'ciphertext.rejected': 'unreadable',
      'ciphertext.mismatched': 'mismatched',
      'credentials.invalid': 'not-checked',
      'vault.request-invalid': 'not-checked',
      'call.aborted': 'not-checked',
    });
  });
});

describe('the standing of a key', () => {
  it.each([
    ['ggg', 'safe'],
    ['ggm', 'safe'],
    ['ggn', 'safe'],
    ['g', 'safe'],
    ['gmm', 'at-risk'],
    ['guw', 'at-risk'],
    ['gm', 'at-risk'],
    ['gmn', 'unknown'],
    ['mun', 'unknown'],
    ['nnn', 'unknown'],
    ['mmm', 'lost'],
    ['muw', 'lost'],
    ['u', 'lost'],
  ])('with copies %s is %s', (letters, standing) => {
    expect(standingOf(check(letters))).toBe(standing);
  });

  it('is whole only when every copy is good', () => {
    expect(['ggg', 'ggm', 'ggu', 'ggw', 'ggn'].map((letters) => isWhole(check(letters)))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
