// What opening every copy of a key says about it: whether a failure is about the copy or only the region, and how many more
// regions the key can lose.
import { describe, expect, it } from '@jest/globals';
import {
  copyStateOf,
  statusOf,
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

/** A check with one region for each letter. */
const check = (letters: string): CopyCheck =>
  Array.from(letters, (letter, index) => ({
    region: region(`r${index}`),
    state: states[letter] ?? { kind: 'missing' },
  }));

describe('a failure to open a copy', () => {
  it('is a fault of the copy only when the region rejected it or returned another key', () => {
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

describe('the status of a key', () => {
  it.each([
    ['ggg', 'complete'],
    ['g', 'complete'],
    ['ggm', 'incomplete'],
    ['ggu', 'incomplete'],
    ['ggw', 'incomplete'],
    ['ggn', 'not-checked'],
    ['gnn', 'not-checked'],
    ['ggmn', 'incomplete'],
    ['gmm', 'at-risk'],
    ['guw', 'at-risk'],
    ['gm', 'at-risk'],
    ['gmn', 'unknown'],
    ['mun', 'unknown'],
    ['nnn', 'not-checked'],
    ['mmm', 'lost'],
    ['muw', 'lost'],
    ['u', 'lost'],
  ])('with copies %s is %s', (letters, status) => {
    expect(statusOf(check(letters))).toBe(status);
  });
});
