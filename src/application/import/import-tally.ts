// What a walk that imports has done so far: counts, and the first few entries of each kind of refusal. Bounded, and plain
// enough to be kept in a file while the walk is interrupted.
import type { Result } from 'neverthrow';
import type { ImportFailure } from '../../domain/failures/key-failures.js';
import type { Imported } from './import-key.js';

export interface RefusalCount {
  readonly count: number;
  /** The ids of the first of them. */
  readonly first: readonly string[];
}

export interface ImportTally {
  /** Entries that were looked at. */
  readonly looked: number;
  /** How many ended so. */
  readonly imported: number;
  readonly alreadyThere: number;
  readonly importable: number;
  /** Imported keys that lack a copy in some region. */
  readonly incomplete: number;
  /** :: kind of the failure -> entries that were not imported */
  readonly refused: Readonly<Record<string, RefusalCount>>;
}

const mostNamed = 20;

export const emptyImportTally: ImportTally = {
  looked: 0,
  imported: 0,
  alreadyThere: 0,
  importable: 0,
  incomplete: 0,
  refused: {},
};

/** The tally with one more entry. */
export function withImport(
  tally: ImportTally,
  id: string,
  outcome: Result<Imported, ImportFailure>,
): ImportTally {
  const next = { ...tally, looked: tally.looked + 1 };
  if (outcome.isErr()) return { ...next, refused: withRefusal(tally.refused, outcome.error.kind, id) };
  switch (outcome.value.kind) {
    case 'imported': {
      const lacks = outcome.value.missing.length > 0 ? 1 : 0;
      return { ...next, imported: tally.imported + 1, incomplete: tally.incomplete + lacks };
    }
    case 'already-there':
      return { ...next, alreadyThere: tally.alreadyThere + 1 };
    case 'importable':
      return { ...next, importable: tally.importable + 1 };
  }
}

/** Whether every entry that was looked at is, or could be made, one of our keys. */
export const isAllImported = ({ refused }: ImportTally): boolean => Object.keys(refused).length === 0;

function withRefusal(refused: ImportTally['refused'], kind: string, id: string): ImportTally['refused'] {
  const { count, first } = refused[kind] ?? { count: 0, first: [] };
  return {
    ...refused,
    [kind]: { count: count + 1, first: first.length < mostNamed ? [...first, id] : first },
  };
}
