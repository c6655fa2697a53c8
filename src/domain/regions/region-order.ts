// Which regions to try, in which order: by health first, then as configured or, when so asked, the fastest first. Every
// region is in the answer, also those in the worst state: with nothing better left, they are tried all the same. Health
// never changes the order of preference, so a region that comes back finds its place again.
import type { Region } from '../ids.js';
import type { RegionState } from './region-state.js';

/** What ranking needs to know of a region. */
export interface RegionView {
  readonly region: Region;
  readonly state: RegionState['kind'];
  /** Whether a recovering region may have this request. */
  readonly admitted: boolean;
  /** Its calls are throttled and as many as it takes are under way. */
  readonly overQuota: boolean;
  /** Median time of an answer in milliseconds, where enough answers tell it. */
  readonly typicalMs: number | undefined;
}

export type Preference = 'configured' | 'fastest';

const rankOfState = {
  healthy: 0,
  degraded: 1,
  recovering: 3,
  'half-open': 4,
  open: 5,
  misconfigured: 6,
  drained: 7,
  quarantined: 8,
} as const satisfies Record<RegionState['kind'], number>;

const overQuotaRank = 2;

/**
 * How much faster a region must be to take another's place: two equal ones must not take turns. A median is known to within
 * a tenth (see latency.ts) and varies by as much again: 0.9² / 1.1² of another's may still mean the same.
 */
const hysteresis = { ratio: 0.65, leastMs: 2 } as const;

/** `views` as preferred; they come in the configured order. `previous` is the last answer, kept where the difference is small. */
export const preferRegions = (
  views: readonly RegionView[],
  preference: Preference,
  previous: readonly Region[],
): readonly RegionView[] => (preference === 'configured' ? views : fastestFirst(views, previous));

/** The healthiest first, and among equals in the order of preference, in which `views` come. */
export function rankRegions(views: readonly RegionView[]): readonly Region[] {
  return views
    .map((view) => ({ region: view.region, rank: rankOf(view) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ region }) => region);
}

function rankOf({ state, admitted, overQuota }: RegionView): number {
  const rank = state === 'recovering' && admitted ? rankOfState.healthy : rankOfState[state];
  return overQuota ? Math.max(rank, overQuotaRank) : rank;
}

/** The previous order, save that a region stands before all that it is clearly faster than. */
function fastestFirst(views: readonly RegionView[], previous: readonly Region[]): readonly RegionView[] {
  const placeOf = (region: Region): number => {
    const place = previous.indexOf(region);
    return place === -1 ? previous.length : place;
  };
  const ordered: RegionView[] = [];
  for (const view of [...views].sort((a, b) => placeOf(a.region) - placeOf(b.region))) {
    const slower = ordered.findIndex((other) => isClearlyFaster(view, other));
    ordered.splice(slower === -1 ? ordered.length : slower, 0, view);
  }
  return ordered;
}

function isClearlyFaster(view: RegionView, other: RegionView): boolean {
  if (view.typicalMs === undefined || other.typicalMs === undefined) return false;
  const gainMs = other.typicalMs - view.typicalMs;
  return view.typicalMs <= other.typicalMs * hysteresis.ratio && gainMs >= hysteresis.leastMs;
}
