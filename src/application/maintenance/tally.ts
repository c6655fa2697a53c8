// What a scan (verify, repair, import) has found so far: counts, and the first few names of each problem. Its size does not
// grow with the number of entries, and it is plain JSON, so that a checkpoint file can hold it.
import type { Region } from '../../domain/ids.js';

export interface ProblemCount {
  readonly count: number;
  /** The first entries with this problem, at most 20. */
  readonly first: readonly string[];
}

export interface Tally {
  /** Entries that were visited, unreadable ones included. */
  readonly checked: number;
  /** :: what happened to an entry, as `imported` -> number of entries; an entry may count in several */
  readonly outcomes: Readonly<Record<string, number>>;
  /** :: what is wrong with an entry, as `lost` -> the entries; an entry counts in one at most */
  readonly problems: Readonly<Record<string, ProblemCount>>;
  /** :: region -> state of a copy or change to it, as `good` or `added` -> number of copies */
  readonly regions: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What a scan found out about one entry. */
export interface Finding {
  /** How the report names the entry, as `orders/7 1`. */
  readonly name: string;
  readonly outcomes?: readonly string[];
  /** Absent when there is nothing left to do; `detail` is shown after the entry's name. */
  readonly problem?: { readonly kind: string; readonly detail?: string };
  readonly copies?: readonly (readonly [region: Region, state: string])[];
}

export const emptyTally: Tally = { checked: 0, outcomes: {}, problems: {}, regions: {} };

const maxNamed = 20;

/** The tally with one more entry. */
export function tallied(tally: Tally, { name, outcomes = [], problem, copies = [] }: Finding): Tally {
  const regions = copies.reduce(
    (sum, [region, state]) => ({ ...sum, [region]: increased(sum[region] ?? {}, state) }),
    tally.regions,
  );
  return {
    checked: tally.checked + 1,
    outcomes: outcomes.reduce(increased, tally.outcomes),
    problems: problem === undefined ? tally.problems : withProblem(tally.problems, name, problem),
    regions,
  };
}

export const hasProblems = ({ problems }: Tally): boolean => Object.keys(problems).length > 0;

const increased = (counts: Readonly<Record<string, number>>, key: string): Record<string, number> => ({
  ...counts,
  [key]: (counts[key] ?? 0) + 1,
});

function withProblem(
  problems: Tally['problems'],
  name: string,
  { kind, detail }: NonNullable<Finding['problem']>,
): Tally['problems'] {
  const { count, first } = problems[kind] ?? { count: 0, first: [] };
  const named = detail === undefined ? name : `${name}: ${detail}`;
  return {
    ...problems,
    [kind]: { count: count + 1, first: first.length < maxNamed ? [...first, named] : first },
  };
}
