// What a walk that repairs has done so far: counts per region, and the first few keys that still lack something. Bounded,
// and plain enough to be kept in a file while the walk is interrupted.
import type { KeyRepair } from './repair-key.js';

export interface RegionRepairs {
  readonly added: number;
  readonly replaced: number;
  readonly dropped: number;
  /** Copies that are still lacking. */
  readonly left: number;
}

export interface RepairTally {
  /** Records that were looked at, the unreadable ones included. */
  readonly checked: number;
  /** Keys of which something was changed. */
  readonly changed: number;
  /** Keys that still lack copies, failed as a whole, or whose record cannot be read. */
  readonly unfinished: number;
  /** The first of them, as `id version: why`. */
  readonly first: readonly string[];
  /** :: region -> what was done there */
  readonly regions: Readonly<Record<string, RegionRepairs>>;
}

const mostNamed = 20;
const nothing: RegionRepairs = { added: 0, replaced: 0, dropped: 0, left: 0 };

export const emptyRepairTally: RepairTally = {
  checked: 0,
  changed: 0,
  unfinished: 0,
  first: [],
  regions: {},
};

/** Why a key is not whole after its repair; undefined when nothing is left to do. */
export function whyUnfinished({ failure, left }: KeyRepair): string | undefined {
  if (failure !== undefined) return failure.kind;
  if (left.length === 0) return undefined;
  return left.map((each) => `${each.region} ${each.failure.kind}`).join(', ');
}

/** The tally with one more key; `repair` is the kind of the failure where the record could not be read. */
export function withRepair(tally: RepairTally, name: string, repair: KeyRepair | string): RepairTally {
  const why = typeof repair === 'string' ? repair : whyUnfinished(repair);
  const { added, replaced, dropped } = typeof repair === 'string' ? noChanges : repair;
  const left = typeof repair === 'string' ? [] : repair.left.map(({ region }) => region);
  const regions = { ...tally.regions };
  for (const [what, where] of Object.entries({ added, replaced, dropped, left })) {
    for (const region of where) {
      const counts = regions[region] ?? nothing;
      regions[region] = { ...counts, [what]: counts[what as keyof RegionRepairs] + 1 };
    }
  }
  const isNamed = why !== undefined && tally.first.length < mostNamed;
  return {
    checked: tally.checked + 1,
    changed: tally.changed + (added.length + replaced.length + dropped.length > 0 ? 1 : 0),
    unfinished: tally.unfinished + (why === undefined ? 0 : 1),
    first: isNamed ? [...tally.first, `${name}: ${why}`] : tally.first,
    regions,
  };
}

const noChanges = { added: [], replaced: [], dropped: [] } as const;
