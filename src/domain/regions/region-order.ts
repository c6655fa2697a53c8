// The order in which to try the regions: by health first, then as configured or, if so configured, the fastest first.
// Every region is in the result, also in the worst state: when nothing better is left, it is tried. Health never
// changes the order of preference, so a region that recovers has its old place again.
import type { Region } from '../ids.js';
import type { RegionState } from './region-state.js';

/** What ranking needs to know about a region. */
export interface RegionView {
  readonly region: Region;
  readonly state: RegionState['kind'];
  /** Whether a recovering region gets this request, given its share of the traffic. */
  readonly admitted: boolean;
  /** It throttles, and as many calls as it accepts are in flight. */
  readonly overQuota: boolean;
  /** Median latency in milliseconds; undefined while there are too few answers. */
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
 * How much faster a region must be to take another's place, so that two equal regions do not alternate. A median is
 * exact to 10 % (see latency-histogram.ts) and varies by as much again: a ratio of 0.9² / 1.1² may still mean equal
 * latencies.
 */
const hysteresis = { ratio: 0.65, minGainMs: 2 } as const;

/**
 * `views`, given in the configured order, as preferred. `previous` is the last result, kept where latencies differ
 * little.
 */
export const preferRegions = (
  views: readonly RegionView[],
  preference: Preference,
  previous: readonly Region[],
): readonly RegionView[] => (preference === 'configured' ? views : fastestFirst(views, previous));

/** The healthiest first, and among equals in the order of `views`. */
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

/** The previous order, but each region comes before all those that it is clearly faster than. */
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
  return view.typicalMs <= other.typicalMs * hysteresis.ratio && gainMs >= hysteresis.minGainMs;
}
