// What a walk that verifies has found so far: counts per region, and the first few keys of each kind of trouble. Bounded,
// and plain enough to be kept in a file while the walk is interrupted.
import { isWhole, standingOf, type CopyState, type CopyCheck } from '../../domain/keys/copy-check.js';

/** What can be wrong with a key: `incomplete` lacks copies but can bear another failure; `unreadable` is the record itself. */
export type Trouble = 'lost' | 'at-risk' | 'unknown' | 'incomplete' | 'unreadable';
export type CopyCounts = Readonly<Record<CopyState['kind'], number>>;

export interface TroubleCount {
  readonly count: number;
  /** The first of them, as `id version`. */
  readonly first: readonly string[];
}

export interface VerifyTally {
  /** Records that were looked at, the unreadable ones included. */
  readonly checked: number;
  /** :: region -> how many of its copies are so */
  readonly regions: Readonly<Record<string, CopyCounts>>;
  readonly troubles: Readonly<Record<Trouble, TroubleCount>>;
}

const mostNamed = 20;
const none: TroubleCount = { count: 0, first: [] };
const noCopies: CopyCounts = { good: 0, missing: 0, unreadable: 0, mismatched: 0, 'not-checked': 0 };

export const emptyTally: VerifyTally = {
  checked: 0,
  regions: {},
  troubles: { lost: none, 'at-risk': none, unknown: none, incomplete: none, unreadable: none },
};

/** What is wrong with a key whose copies were found so, if anything is. */
export function troubleOf(check: CopyCheck): Trouble | undefined {
  const standing = standingOf(check);
  if (standing !== 'safe') return standing;
  return isWhole(check) ? undefined : 'incomplete';
}

/** The tally with one more key; without `check` its record could not be read. */
export function tallied(tally: VerifyTally, name: string, check?: CopyCheck): VerifyTally {
  const trouble = check === undefined ? 'unreadable' : troubleOf(check);
  const regions = (check ?? []).map(({ region, state }) => {
    const counts = tally.regions[region] ?? noCopies;
    return [region, { ...counts, [state.kind]: counts[state.kind] + 1 }] as const;
  });
  return {
    checked: tally.checked + 1,
    regions: { ...tally.regions, ...Object.fromEntries(regions) },
    troubles: trouble === undefined ? tally.troubles : withTrouble(tally.troubles, trouble, name),
  };
}

/** Whether every key that was looked at is whole. */
export const isAllWell = ({ troubles }: VerifyTally): boolean =>
  Object.values(troubles).every(({ count }) => count === 0);

function withTrouble(
  troubles: VerifyTally['troubles'],
  trouble: Trouble,
  name: string,
): VerifyTally['troubles'] {
  const { count, first } = troubles[trouble];
  return {
    ...troubles,
    [trouble]: { count: count + 1, first: first.length < mostNamed ? [...first, name] : first },
  };
}
