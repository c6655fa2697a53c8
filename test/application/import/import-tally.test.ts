// What a walk that imports says at its end: counts that add up, and the first names of each refusal.
import { describe, expect, it } from '@jest/globals';
import { err, ok, type Result } from 'neverthrow';
import type { Imported } from '../../../src/application/import/import-key.js';
import { emptyImportTally, isAllImported, withImport } from '../../../src/application/import/import-tally.js';
import type { ImportFailure } from '../../../src/domain/failures/key-failures.js';
import { region } from '../../support/names.js';

const conflict = err({ kind: 'key.conflict' } as const);
const after = (...outcomes: readonly Result<Imported, ImportFailure>[]) =>
  outcomes.reduce((tally, outcome, index) => withImport(tally, `id-${index}`, outcome), emptyImportTally);

describe('the tally of an import', () => {
  it('counts every entry once, by what became of it', () => {
    const tally = after(
      ok({ kind: 'imported', missing: [] }),
      ok({ kind: 'imported', missing: [region('eu-west-1')] }),
      ok({ kind: 'already-there' }),
      ok({ kind: 'importable' }),
      conflict,
    );
    expect(tally).toEqual({
      looked: 5,
      imported: 2,
      alreadyThere: 1,
      importable: 1,
      incomplete: 1,
      refused: { 'key.conflict': { count: 1, first: ['id-4'] } },
    });
  });

  it('is well as long as nothing was refused', () => {
    expect(isAllImported(after(ok({ kind: 'already-there' })))).toBe(true);
    expect(isAllImported(after(conflict))).toBe(false);
  });

  it('names the first twenty of a kind, and counts them all', () => {
    const { refused } = after(...Array.from({ length: 30 }, () => conflict));
    const first = Array.from({ length: 20 }, (_, index) => `id-${index}`);
    expect(refused).toEqual({ 'key.conflict': { count: 30, first } });
  });
});
