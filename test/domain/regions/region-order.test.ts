// Which regions a request tries, in which order.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Region } from '../../../src/domain/ids.js';
import {
  preferRegions,
  rankRegions as rankByHealth,
  type Preference,
  type RegionView,
} from '../../../src/domain/regions/region-order.js';
import {
  defaultHealthSettings,
  trafficShare,
  type RegionState,
} from '../../../src/domain/regions/region-state.js';
import { healthHistories } from '../../support/health-histories.js';
import { region } from '../../support/names.js';

const [a, b, c, d] = [region('a'), region('b'), region('c'), region('d')];

const healthy = (name: Region, typicalMs?: number): RegionView => ({
  region: name,
  state: 'healthy',
  admitted: true,
  overQuota: false,
  typicalMs,
});
const inState = (name: Region, state: RegionState['kind']): RegionView => ({ ...healthy(name), state });

const rankRegions = (
  views: readonly RegionView[],
  preference: Preference,
  previous: readonly Region[],
): readonly Region[] => rankByHealth(preferRegions(views, preference, previous));

const configured = (...views: readonly RegionView[]): readonly Region[] =>
  rankRegions(views, 'configured', []);

/** Each of these stands before all that follow. */
const fromBestToWorst: readonly (readonly [string, Omit<RegionView, 'region'>])[] = [
  ['healthy', { ...healthy(a), state: 'healthy' }],
  ['degraded', { ...healthy(a), state: 'degraded' }],
  ['over its quota', { ...healthy(a), overQuota: true }],
  ['recovering and has had its share', { ...healthy(a), state: 'recovering', admitted: false }],
  ['half-open', { ...healthy(a), state: 'half-open' }],
  ['open', { ...healthy(a), state: 'open' }],
  ['misconfigured', { ...healthy(a), state: 'misconfigured' }],
  ['drained', { ...healthy(a), state: 'drained' }],
  ['quarantined', { ...healthy(a), state: 'quarantined' }],
];

describe('the order of regions', () => {
  const pairs = fromBestToWorst.flatMap(([better, first], at) =>
    fromBestToWorst.slice(at + 1).map(([worse, second]) => ({ better, worse, first, second })),
  );

  it.each(pairs)('has one that is $better before one that is $worse', ({ first, second }) => {
    expect(configured({ ...second, region: a }, { ...first, region: b })).toEqual([b, a]);
    expect(configured({ ...first, region: a }, { ...second, region: b })).toEqual([a, b]);
  });

  it.each(fromBestToWorst)('is as configured among regions that are %s', (_, view) => {
    expect(configured({ ...view, region: c }, { ...view, region: a }, { ...view, region: b })).toEqual([
      c,
      a,
      b,
    ]);
  });

  it('is as configured, whatever the latencies and the order before', () => {
    expect(rankRegions([healthy(a, 900), healthy(b, 1)], 'configured', [b, a])).toEqual([a, b]);
  });

  it('gives a recovering region its place while the request is within its share', () => {
    const recovering = inState(a, 'recovering');
    expect(configured(recovering, healthy(b))).toEqual([a, b]);
    expect(configured({ ...recovering, admitted: false }, healthy(b))).toEqual([b, a]);
  });

  it('gives a recovering region that is over its quota no place before degraded ones', () => {
    expect(configured({ ...inState(a, 'recovering'), overQuota: true }, inState(b, 'degraded'))).toEqual([
      b,
      a,
    ]);
  });

  it('is no better for an open region that is over its quota than for an open one', () => {
    expect(configured({ ...inState(a, 'open'), overQuota: true }, inState(b, 'half-open'))).toEqual([b, a]);
    expect(configured({ ...inState(a, 'open'), overQuota: true }, inState(b, 'misconfigured'))).toEqual([
      a,
      b,
    ]);
  });

  it('asks no share of regions that do not recover', () => {
    expect(configured({ ...healthy(a), admitted: false }, healthy(b))).toEqual([a, b]);
  });

  it('of no regions is empty', () => {
    expect(rankRegions([], 'fastest', [a])).toEqual([]);
  });

  it('puts health before speed', () => {
    const open: RegionView = { ...inState(a, 'open'), typicalMs: 1 };
    expect(rankRegions([open, healthy(b, 500)], 'fastest', [a, b])).toEqual([b, a]);
  });
});

describe('no events leave a region out', () => {
  const preferences = fc.constantFrom<Preference>('configured', 'fastest');
  const latencies = fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }), { nil: undefined });

  it('every region is in the order exactly once, whatever happened to all of them', () => {
    const lives = fc.array(
      fc.record({ history: healthHistories(), typicalMs: latencies, overQuota: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    const previous = fc.shuffledSubarray(['r0', 'r1', 'r2', 'r3', 'r4', 'gone'].map(region));
    fc.assert(
      fc.property(
        lives,
        preferences,
        previous,
        fc.double({ min: 0, max: 0.999 }),
        (all, prefer, before, chance) => {
          const views = all.map(({ history: { health, atMs }, typicalMs, overQuota }, at): RegionView => {
            const admitted = chance < trafficShare(health, defaultHealthSettings, atMs);
            return { region: region(`r${at}`), state: health.state.kind, admitted, overQuota, typicalMs };
          });
          const order = rankRegions(views, prefer, before);
          expect([...order].sort()).toEqual(views.map((view) => view.region));
        },
      ),
    );
  });
});

describe('fastest first', () => {
  const fastest = (previous: readonly Region[], ...views: readonly RegionView[]): readonly Region[] =>
    rankRegions(views, 'fastest', previous);

  it('lets a clearly faster region take over within one round, from any place', () => {
    expect(fastest([a, b], healthy(a, 100), healthy(b, 65))).toEqual([b, a]);
    expect(fastest([a, b, c], healthy(a, 100), healthy(b, 95), healthy(c, 10))).toEqual([c, a, b]);
  });

  it('keeps the order where the difference is less than a third', () => {
    expect(fastest([a, b], healthy(a, 100), healthy(b, 65.1))).toEqual([a, b]);
  });

  it('keeps the order where the difference is less than 2 ms', () => {
    expect(fastest([a, b], healthy(a, 3), healthy(b, 1.1))).toEqual([a, b]);
    expect(fastest([a, b], healthy(a, 3), healthy(b, 1))).toEqual([b, a]);
  });

  it('begins as configured', () => {
    expect(fastest([], healthy(b, 100), healthy(a, 100))).toEqual([b, a]);
  });

  it('puts a region that is new behind those it had, unless it is clearly faster', () => {
    expect(fastest([b], healthy(a, 100), healthy(b, 100))).toEqual([b, a]);
    expect(fastest([b], healthy(a, 10), healthy(b, 100))).toEqual([a, b]);
  });

  it('never lets a region of unknown latency overtake, nor loses its place to it', () => {
    expect(fastest([a, b], healthy(a, 5_000), healthy(b))).toEqual([a, b]);
    expect(fastest([a, b], healthy(a), healthy(b, 1))).toEqual([a, b]);
  });

  it('lets a clearly faster region take over also past one of unknown latency', () => {
    expect(fastest([a, b, c], healthy(a, 100), healthy(b), healthy(c, 10))).toEqual([c, a, b]);
  });

  it('lets a clearly faster region take over also past one that is a little slower', () => {
    expect(fastest([a, b, c], healthy(a, 100), healthy(b, 90), healthy(c, 60))).toEqual([c, a, b]);
  });

  const rounds = (count: number, views: (round: number) => readonly RegionView[]): readonly string[] => {
    let previous: readonly Region[] = [];
    return Array.from({ length: count }, (_, round) => {
      previous = rankRegions(views(round), 'fastest', previous);
      return previous.join();
    });
  };

  it('never swaps two equal regions under 10 % of noise, for 1,000 rounds', () => {
    const noise = fc.infiniteStream(fc.double({ min: 0.9, max: 1.1, noNaN: true }));
    const usual = fc.double({ min: 0.5, max: 1_000, noNaN: true });
    fc.assert(
      fc.property(usual, noise, (usualMs, factors) => {
        const noisy = (): number => usualMs * (factors.next().value ?? 1);
        const orders = rounds(1_000, () => [healthy(a, noisy()), healthy(b, noisy())]);
        expect(new Set(orders)).toEqual(new Set(['a,b']));
      }),
      { numRuns: 20 },
    );
  });

  it('never swaps two equal regions whose medians vary by a tenth and are known to within a tenth', () => {
    const noise = fc.infiniteStream(fc.double({ min: 0.9 ** 2, max: 1.1 ** 2, noNaN: true }));
    fc.assert(
      fc.property(noise, (factors) => {
        const noisy = (): number => 100 * (factors.next().value ?? 1);
        const orders = rounds(1_000, () => [healthy(a, noisy()), healthy(b, noisy())]);
        expect(new Set(orders)).toEqual(new Set(['a,b']));
      }),
      { numRuns: 20 },
    );
  });

  it('gives a region that was away its place back among its equals', () => {
    let previous: readonly Region[] = [];
    const orders = (['healthy', 'open', 'recovering', 'healthy'] as const).map((state) => {
      const preferred = preferRegions([{ ...healthy(a, 20), state }, healthy(b, 20)], 'fastest', previous);
      previous = preferred.map((view) => view.region);
      return rankByHealth(preferred).join();
    });
    expect(orders).toEqual(['a,b', 'b,a', 'a,b', 'a,b']);
  });

  it('never swaps two equal regions at the worst of that noise', () => {
    const orders = rounds(1_000, (round) => [
      healthy(a, round % 2 === 0 ? 110 : 90),
      healthy(b, round % 2 === 0 ? 90 : 110),
    ]);
    expect(new Set(orders)).toEqual(new Set(['a,b']));
  });

  const anyViews = fc
    .array(fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }), { nil: undefined }), {
      minLength: 1,
      maxLength: 4,
    })
    .map((latencies) => latencies.map((typicalMs, at) => healthy([a, b, c, d][at] ?? a, typicalMs)));
  const previousOrders = fc.shuffledSubarray([a, b, c, d]);

  it('leaves no region behind one that it is clearly faster than', () => {
    fc.assert(
      fc.property(anyViews, previousOrders, (views, previous) => {
        const ordered = rankRegions(views, 'fastest', previous).map(
          (name) => views.find((view) => view.region === name)?.typicalMs,
        );
        ordered.forEach((behind = Infinity, at) => {
          for (const before of ordered.slice(0, at)) {
            if (before !== undefined && before - behind >= 2) expect(behind).toBeGreaterThan(before * 0.65);
          }
        });
      }),
    );
  });

  it('is settled after one round: the same measurements give the same order again', () => {
    fc.assert(
      fc.property(anyViews, previousOrders, (views, previous) => {
        const once = rankRegions(views, 'fastest', previous);
        expect(rankRegions(views, 'fastest', once)).toEqual(once);
      }),
    );
  });
});
