// What verify, repair and import count: totals that add up, and the first names of each problem, in bounded space.
import { describe, expect, it } from '@jest/globals';
import { err, ok, type Result } from 'neverthrow';
import { importFinding, type Imported } from '../../../src/application/import/import-key.js';
import { repairFinding, type KeyRepair } from '../../../src/application/maintenance/repair-key.js';
import {
  emptyTally,
  hasProblems,
  tallied,
  type Finding,
  type Tally,
} from '../../../src/application/maintenance/tally.js';
import { verifyFinding } from '../../../src/application/maintenance/verify-key.js';
import type { ImportFailure } from '../../../src/domain/failures/key-failures.js';
import type { CopyState, CopyCheck } from '../../../src/domain/keys/copy-check.js';
import { region } from '../../support/names.js';
import { vaultFailures } from '../../support/vault-failures.js';

const tallyOf = (findings: readonly Finding[]): Tally => findings.reduce(tallied, emptyTally);

describe('a tally', () => {
  it('of nothing has no problems', () => {
    expect(hasProblems(emptyTally)).toBe(false);
  });

  it('names the first twenty entries of each problem, and counts them all', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `key/${index} 1`);
    const { checked, problems } = tallyOf(names.map((name) => ({ name, problem: { kind: 'lost' } })));
    expect([checked, problems]).toEqual([1_000, { lost: { count: 1_000, first: names.slice(0, 20) } }]);
  });

  it('survives a checkpoint file', () => {
    const tally = tallyOf([
      { name: 'a', outcomes: ['changed'], copies: [[region('r1'), 'added']] },
      { name: 'b', problem: { kind: 'incomplete', detail: 'r2 region.unavailable' } },
    ]);
    expect(JSON.parse(JSON.stringify(tally))).toEqual(tally);
  });
});

describe('the tally of a verification', () => {
  const good: CopyState = { kind: 'good' };
  const missing: CopyState = { kind: 'missing' };
  const down: CopyState = { kind: 'not-checked', failure: vaultFailures['region.unavailable'] };
  const check = (...states: readonly CopyState[]): CopyCheck =>
    states.map((state, index) => ({ region: region(`r${index + 1}`), state }));

  it('counts copies per region and keys per problem, and names the keys with a problem', () => {
    const tally = tallyOf([
      verifyFinding('a 1', check(good, good, good)),
      verifyFinding('b 1', check(good, good, missing)),
      verifyFinding('c 1', check(good, missing, missing)),
      verifyFinding('d 1', check(missing, missing, missing)),
      verifyFinding('e 1', check(down, good, missing)),
      verifyFinding('f 1', undefined),
      verifyFinding('g 1', check(down, good, good)),
    ]);
    expect(tally).toEqual({
      checked: 7,
      outcomes: {},
      problems: {
        lost: { count: 1, first: ['d 1'] },
        'at-risk': { count: 1, first: ['c 1'] },
        unknown: { count: 1, first: ['e 1: not checked: r1 unreachable'] },
        'not-checked': { count: 1, first: ['g 1: not checked: r1 unreachable'] },
        incomplete: { count: 1, first: ['b 1'] },
        unreadable: { count: 1, first: ['f 1'] },
      },
      regions: {
        r1: { good: 3, missing: 1, 'not-checked': 2 },
        r2: { good: 4, missing: 2 },
        r3: { good: 2, missing: 4 },
      },
    });
    expect(hasProblems(tally)).toBe(true);
  });

  it('has no problem for a complete key', () => {
    expect(hasProblems(tallyOf([verifyFinding('a 1', check(good, good))]))).toBe(false);
  });
});

describe('the tally of a repair', () => {
  const [r1, r2] = [region('r1'), region('r2')];
  const nothing: KeyRepair = { added: [], replaced: [], dropped: [], failed: [] };
  const failure = vaultFailures['region.unavailable'];

  it('counts changes per region, and names what could not be repaired with the reason', () => {
    const tally = tallyOf([
      repairFinding('a 1', nothing),
      repairFinding('b 1', { ...nothing, added: [r1], replaced: [r2], dropped: [region('r9')] }),
      repairFinding('c 1', { ...nothing, added: [r1], failed: [{ region: r2, failure }] }),
      repairFinding('d 1', { ...nothing, failure: { kind: 'key.not-found' } }),
      repairFinding('e 1', 'key.unreadable'),
    ]);
    expect(tally).toEqual({
      checked: 5,
      outcomes: { changed: 2 },
      problems: {
        incomplete: { count: 1, first: ['c 1: r2 region.unavailable'] },
        'key.not-found': { count: 1, first: ['d 1'] },
        'key.unreadable': { count: 1, first: ['e 1'] },
      },
      regions: {
        r1: { added: 2 },
        r2: { replaced: 1, failed: 1 },
        r9: { dropped: 1 },
      },
    });
  });

  it('has no problem for a key with nothing left to repair', () => {
    expect(hasProblems(tallyOf([repairFinding('a 1', nothing)]))).toBe(false);
  });
});

describe('the tally of an import', () => {
  const conflict = err({ kind: 'key.conflict' } as const);
  const after = (...results: readonly Result<Imported, ImportFailure>[]): Tally =>
    tallyOf(results.map((result, index) => importFinding(`id-${index}`, result)));

  it('counts every entry by what happened to it', () => {
    const tally = after(
      ok({ kind: 'imported', missing: [] }),
      ok({ kind: 'imported', missing: [region('eu-west-1')] }),
      ok({ kind: 'already-present' }),
      ok({ kind: 'importable' }),
      conflict,
    );
    expect(tally).toEqual({
      checked: 5,
      outcomes: { imported: 2, incomplete: 1, 'already-present': 1, importable: 1 },
      problems: { 'key.conflict': { count: 1, first: ['id-4'] } },
      regions: {},
    });
  });

  it('has no problem unless an entry was refused', () => {
    expect(hasProblems(after(ok({ kind: 'already-present' })))).toBe(false);
    expect(hasProblems(after(conflict))).toBe(true);
  });
});
