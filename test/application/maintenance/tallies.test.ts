// What walks report: counts that add up, and the first few names of what is wrong, in bounded space.
import { describe, expect, it } from '@jest/globals';
import type { KeyRepair } from '../../../src/application/maintenance/repair-key.js';
import {
  emptyRepairTally,
  whyUnfinished,
  withRepair,
} from '../../../src/application/maintenance/repair-tally.js';
import {
  emptyTally,
  isAllWell,
  tallied,
  troubleOf,
} from '../../../src/application/maintenance/verify-tally.js';
import type { CopyState, CopyCheck } from '../../../src/domain/keys/copy-check.js';
import { region } from '../../support/names.js';
import { vaultFailures } from '../../support/vault-failures.js';

const good: CopyState = { kind: 'good' };
const missing: CopyState = { kind: 'missing' };
const down: CopyState = { kind: 'not-checked', failure: vaultFailures['region.unavailable'] };
const check = (...states: readonly CopyState[]): CopyCheck =>
  states.map((state, index) => ({ region: region(`r${index + 1}`), state }));

describe('the tally of a verification', () => {
  it('counts copies per region and keys per trouble, and names the keys in trouble', () => {
    const tally = [
      ['a 1', check(good, good, good)],
      ['b 1', check(good, good, missing)],
      ['c 1', check(good, missing, missing)],
      ['d 1', check(missing, missing, missing)],
      ['e 1', check(down, good, missing)],
      ['f 1', undefined],
    ].reduce(
      (sum, [name, found]) => tallied(sum, name as string, found as CopyCheck | undefined),
      emptyTally,
    );
    const none = { good: 0, missing: 0, unreadable: 0, mismatched: 0, 'not-checked': 0 };
    expect(tally).toEqual({
      checked: 6,
      regions: {
        r1: { ...none, good: 3, missing: 1, 'not-checked': 1 },
        r2: { ...none, good: 3, missing: 2 },
        r3: { ...none, good: 1, missing: 4 },
      },
      troubles: {
        lost: { count: 1, first: ['d 1'] },
        'at-risk': { count: 1, first: ['c 1'] },
        unknown: { count: 1, first: ['e 1'] },
        incomplete: { count: 1, first: ['b 1'] },
        unreadable: { count: 1, first: ['f 1'] },
      },
    });
    expect([isAllWell(tally), isAllWell(emptyTally)]).toEqual([false, true]);
  });

  it('names twenty keys of each trouble and counts the others', () => {
    let tally = emptyTally;
    for (let n = 0; n < 1_000; n += 1) tally = tallied(tally, `key/${n} 1`);
    expect(tally.troubles.unreadable.count).toBe(1_000);
    expect(tally.troubles.unreadable.first).toHaveLength(20);
  });

  it('finds no trouble in a whole key', () => {
    expect(troubleOf(check(good, good))).toBeUndefined();
  });
});

describe('the tally of a repair', () => {
  const [r1, r2] = [region('r1'), region('r2')];
  const whole: KeyRepair = { check: [], added: [], replaced: [], dropped: [], left: [] };
  const failure = vaultFailures['region.unavailable'];

  it('counts what was done per region, and names what is left with its reason', () => {
    const tally = [
      ['a 1', whole],
      ['b 1', { ...whole, added: [r1], replaced: [r2], dropped: [region('r9')] }],
      ['c 1', { ...whole, added: [r1], left: [{ region: r2, failure }] }],
      ['d 1', { ...whole, failure: { kind: 'key.not-found' } }],
      ['e 1', 'key.unreadable'],
    ].reduce((sum, [name, repair]) => withRepair(sum, name as string, repair as KeyRepair), emptyRepairTally);
    expect(tally).toEqual({
      checked: 5,
      changed: 2,
      unfinished: 3,
      first: ['c 1: r2 region.unavailable', 'd 1: key.not-found', 'e 1: key.unreadable'],
      regions: {
        r1: { added: 2, replaced: 0, dropped: 0, left: 0 },
        r2: { added: 0, replaced: 1, dropped: 0, left: 1 },
        r9: { added: 0, replaced: 0, dropped: 1, left: 0 },
      },
    });
  });

  it('names twenty keys and counts the others', () => {
    let tally = emptyRepairTally;
    for (let n = 0; n < 100; n += 1) tally = withRepair(tally, `key/${n} 1`, 'key.unreadable');
    expect([tally.unfinished, tally.first.length]).toEqual([100, 20]);
  });

  it('says of a whole key nothing', () => {
    expect(whyUnfinished(whole)).toBeUndefined();
  });
});
