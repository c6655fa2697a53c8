// How long to wait for a region, when to ask another one as well, and whether it has become slow.
import { describe, expect, it } from '@jest/globals';
import {
  addAnswer,
  defaultPaceSettings,
  forgetOld,
  isSlow,
  newRegionTiming,
  paceOf,
  recentQuantile,
  speedOf,
  typicalMs,
  type Pace,
  type RegionTiming,
} from '../../../src/domain/regions/region-timing.js';

/** Evenly spread answers of one region: so many per second, for so long, from then on. */
interface Stretch {
  readonly fromMs: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly ms: number;
}

function answers(timing: RegionTiming, { fromMs, seconds, perSecond, ms }: Stretch): RegionTiming {
  for (let at = 0; at < seconds * perSecond; at += 1)
    addAnswer(timing, ms, fromMs + (at * 1_000) / perSecond);
  return timing;
}

const timingOf = (...stretches: readonly Stretch[]): RegionTiming =>
  stretches.reduce(answers, newRegionTiming(0));

const samples = (count: number, ms: number): RegionTiming => {
  const timing = newRegionTiming(0);
  for (let at = 0; at < count; at += 1) addAnswer(timing, ms, 0);
  return timing;
};

describe('the speed of an answer', () => {
  it.each([
    [30, 'fast'],
    [31, 'slow'],
    [150, 'slow'],
    [151, 'late'],
    [NaN, 'slow'],
  ])('after %d ms is %s when a hedge is sent after 30 ms and a call may take 150 ms', (ms, speed) => {
    expect(speedOf(ms, { hedgeAfterMs: 30, attemptTimeoutMs: 150 })).toBe(speed);
  });
});

const paceAfter = (timing: RegionTiming): Pace => paceOf(timing, defaultPaceSettings);

describe('the pace of a region', () => {
  const unknown: Pace = { attemptTimeoutMs: 800, hedgeAfterMs: 300 };

  it.each([0, 1, 199])('is the default after %d answers', (count) => {
    expect(paceAfter(samples(count, 50))).toEqual(unknown);
  });

  it('is measured after 200 answers', () => {
    const { attemptTimeoutMs, hedgeAfterMs } = paceAfter(samples(200, 200));
    expect(attemptTimeoutMs).toBe(hedgeAfterMs);
    expect(hedgeAfterMs).toBeGreaterThanOrEqual(200);
    expect(hedgeAfterMs).toBeLessThanOrEqual(220);
  });

  it('waits no less than 150 ms and hedges no sooner than after 30 ms, however fast it is', () => {
    expect(paceAfter(samples(200, 1))).toEqual({ attemptTimeoutMs: 150, hedgeAfterMs: 30 });
  });

  it('waits no more than a second and hedges no later than after 300 ms, however slow it is', () => {
    expect(paceAfter(samples(200, 30_000))).toEqual({ attemptTimeoutMs: 1_000, hedgeAfterMs: 300 });
  });

  it('waits for the slowest of a thousand and hedges at the slowest of twenty', () => {
    const timing = newRegionTiming(0);
    for (let at = 0; at < 2_000; at += 1) addAnswer(timing, at < 1_880 ? 10 : at < 1_990 ? 100 : 600, 0);
    const { attemptTimeoutMs, hedgeAfterMs } = paceAfter(timing);
    expect([Math.round(attemptTimeoutMs / 100), Math.round(hedgeAfterMs / 10)]).toEqual([6, 11]);
  });

  it('stays measured while one window follows the other', () => {
    const timing = timingOf({ fromMs: 0, seconds: 601, perSecond: 10, ms: 200 });
    expect(paceAfter(timing).hedgeAfterMs).toBeLessThan(300);
  });

  it('learns nothing from answers that are not usual', () => {
    const timing = samples(200, 20);
    for (let at = 0; at < 10_000; at += 1) addAnswer(timing, 900, 0, false);
    expect(paceAfter(timing)).toEqual(paceAfter(samples(200, 20)));
    expect(Math.round(recentQuantile(timing, 0.5) ?? 0)).toBeGreaterThan(800);
  });

  it('has bounds that can be set', () => {
    const settings = { ...defaultPaceSettings, minSamples: 1, minTimeoutMs: 5, minHedgeMs: 5 };
    const { attemptTimeoutMs, hedgeAfterMs } = paceOf(samples(1, 10), settings);
    expect([Math.round(attemptTimeoutMs), Math.round(hedgeAfterMs)]).toEqual([11, 11]);
  });
});

describe('the typical latency of a region', () => {
  const typical = (timing: RegionTiming): number => Math.round(typicalMs(timing) ?? -1);
  const seldomAsked = (...durations: readonly number[]): RegionTiming => {
    const timing = newRegionTiming(0);
    durations.forEach((ms, at) => {
      addAnswer(timing, ms, at * 30_000, false);
    });
    return timing;
  };

  it('is known from the seventh answer on', () => {
    expect([typicalMs(samples(6, 10)), typical(samples(7, 10))]).toEqual([undefined, 11]);
  });

  it('is, for a region with few calls, the median of its last seven answers', () => {
    const timing = seldomAsked(900, 900, 10, 12, 11, 400, 10, 13, 12);
    expect(typical(timing)).toBe(12);
    forgetOld(timing, 10_000_000);
    expect(typical(timing)).toBe(12);
  });

  it('is not changed by one odd answer, though it may be the only recent one', () => {
    expect(typical(seldomAsked(10, 12, 11, 12, 10, 11, 12, 1))).toBe(11);
    expect(typical(seldomAsked(10, 12, 11, 12, 10, 11, 12, 1_000))).toBe(12);
  });

  it('is that of late as soon as there are seven answers of late', () => {
    const timing = seldomAsked(10, 10, 10, 10, 10, 10, 10);
    for (let at = 0; at < 6; at += 1) addAnswer(timing, at < 3 ? 10 : 500, 1_000_000);
    expect(typical(timing)).toBe(10);
    for (let at = 0; at < 2; at += 1) addAnswer(timing, 500, 1_000_000);
    expect(typical(timing)).toBeGreaterThan(450);
  });

  it('knows no duration that is no number', () => {
    expect(typicalMs(seldomAsked(...Array.from({ length: 9 }, () => NaN)))).toBeUndefined();
  });
});

describe('the recent latency of a region', () => {
  const p50 = (timing: RegionTiming): number => Math.round(recentQuantile(timing, 0.5) ?? -1);
  const tenMs = p50(samples(1, 10));
  const halfSecond = p50(samples(1, 500));

  it('is unknown without answers', () => {
    expect(recentQuantile(newRegionTiming(0), 0.5)).toBeUndefined();
  });

  it('remembers the window before the present one', () => {
    const timing = timingOf({ fromMs: 0, seconds: 5, perSecond: 10, ms: 10 });
    addAnswer(timing, 500, 5_000);
    expect(p50(timing)).toBe(tenMs);
  });

  it('forgets what is older than two windows while calls go on', () => {
    const timing = timingOf(
      { fromMs: 0, seconds: 5, perSecond: 100, ms: 10 },
      { fromMs: 5_000, seconds: 5, perSecond: 1, ms: 500 },
    );
    expect(p50(timing)).toBe(tenMs);
    addAnswer(timing, 500, 10_000);
    expect(p50(timing)).toBe(halfSecond);
  });

  it('forgets everything over a pause of two windows', () => {
    const timing = timingOf({ fromMs: 0, seconds: 5, perSecond: 100, ms: 10 });
    addAnswer(timing, 500, 10_000);
    expect(p50(timing)).toBe(halfSecond);
  });

  it('is forgotten also without further calls, as time is said to have passed', () => {
    const timing = timingOf({ fromMs: 0, seconds: 5, perSecond: 100, ms: 10 });
    forgetOld(timing, 9_999);
    expect(p50(timing)).toBe(tenMs);
    forgetOld(timing, 14_998);
    expect(p50(timing)).toBe(tenMs);
    forgetOld(timing, 14_999);
    expect(recentQuantile(timing, 0.5)).toBeUndefined();
  });

  it('leaves the pace as measured when only the recent calls are forgotten', () => {
    const timing = timingOf({ fromMs: 0, seconds: 5, perSecond: 100, ms: 10 });
    forgetOld(timing, 60_000);
    expect(paceAfter(timing)).toEqual({ attemptTimeoutMs: 150, hedgeAfterMs: 30 });
    forgetOld(timing, 1_200_000);
    expect(paceAfter(timing)).toEqual({ attemptTimeoutMs: 800, hedgeAfterMs: 300 });
  });
});

describe('a region is slow', () => {
  const minute = { fromMs: 0, seconds: 60, perSecond: 100 };
  const oneSecond = { fromMs: 60_000, seconds: 1, perSecond: 100 };
  const steady = (ms: number): RegionTiming => timingOf({ ...minute, ms }, { ...oneSecond, ms });
  const becameSlow = (): RegionTiming => timingOf({ ...minute, ms: 10 }, { ...oneSecond, ms: 500 });

  it('when it is slower than it was and than the others are', () => {
    expect(isSlow(becameSlow(), [steady(10), steady(20)])).toBe(true);
  });

  it('not when it is slower than it was, but the others have become as slow', () => {
    expect(isSlow(becameSlow(), [becameSlow(), becameSlow()])).toBe(false);
  });

  it('not when it is slower than the others, but as it always was', () => {
    expect(isSlow(steady(500), [steady(10), steady(10)])).toBe(false);
  });

  it('not when it is a little slower than it was', () => {
    const little = timingOf({ ...minute, ms: 100 }, { ...oneSecond, ms: 270 });
    expect(isSlow(little, [steady(10), steady(10)])).toBe(false);
  });

  it('not when it is slower by less than twice the others', () => {
    expect(isSlow(becameSlow(), [steady(270), steady(270)])).toBe(false);
    expect(isSlow(becameSlow(), [steady(200), steady(200)])).toBe(true);
  });

  it('in comparison with the middle one of the others, the faster of two', () => {
    expect(isSlow(becameSlow(), [steady(400), steady(10)])).toBe(true);
    expect(isSlow(becameSlow(), [steady(10), steady(400), steady(400)])).toBe(false);
    expect(isSlow(becameSlow(), [steady(10), steady(400), steady(10)])).toBe(true);
  });

  it('by its own baseline only when nothing is known about the others', () => {
    expect(isSlow(becameSlow(), [])).toBe(true);
    expect(isSlow(becameSlow(), [newRegionTiming(0)])).toBe(true);
  });

  it('not when nothing is known of it', () => {
    expect(isSlow(newRegionTiming(0), [steady(10)])).toBe(false);
  });

  it('not before 20 recent answers say so', () => {
    const few = (count: number): RegionTiming => {
      const timing = timingOf({ ...minute, ms: 10 });
      for (let at = 0; at < count; at += 1) addAnswer(timing, 500, 120_000);
      return timing;
    };
    expect(isSlow(few(19), [])).toBe(false);
    expect(isSlow(few(20), [])).toBe(true);
  });

  it('no more once it is as fast as before and the slow answers are forgotten', () => {
    const again = answers(becameSlow(), { fromMs: 61_000, seconds: 10, perSecond: 100, ms: 10 });
    expect(isSlow(again, [steady(10)])).toBe(false);
  });

  it('no more after a pause without calls', () => {
    const timing = becameSlow();
    forgetOld(timing, 80_000);
    expect(isSlow(timing, [steady(10)])).toBe(false);
  });

  describe('and remains so', () => {
    /** Fast for a minute, then so many answers of so many milliseconds within one window. */
    const then = (count: number, ms: number): RegionTiming => {
      const timing = timingOf({ ...minute, ms: 20 });
      forgetOld(timing, 120_000);
      for (let at = 0; at < count; at += 1) addAnswer(timing, ms, 120_000, false);
      return timing;
    };

    it('while fewer than five answers show otherwise', () => {
      expect([0, 4, 5].map((count) => isSlow(then(count, 20), [], true))).toEqual([true, true, false]);
    });

    it('until it is within twice its usual, or within one and a half of the others', () => {
      expect([35, 50].map((ms) => isSlow(then(5, ms), [], true))).toEqual([false, true]);
      expect([30, 60].map((others) => isSlow(then(5, 50), [steady(others)], true))).toEqual([true, false]);
      expect([35, 50].map((ms) => isSlow(then(20, ms), []))).toEqual([false, false]);
    });

    it('no longer than its usual pace is remembered', () => {
      const timing = then(0, 0);
      forgetOld(timing, 660_000);
      expect(isSlow(timing, [], true)).toBe(true);
      forgetOld(timing, 1_260_000);
      expect(isSlow(timing, [], true)).toBe(false);
    });
  });

  it('within one second of calls, whenever in a window that second begins', () => {
    const before = { fromMs: 0, perSecond: 50, ms: 10 };
    for (let seconds = 60; seconds <= 70; seconds += 0.5) {
      const timing = timingOf(
        { ...before, seconds },
        { ...before, fromMs: seconds * 1_000, seconds: 1, ms: 500 },
      );
      expect(isSlow(timing, [])).toBe(true);
    }
  });

  it('within one second of calls also when it has a thousand of them per second', () => {
    const timing = timingOf(
      { fromMs: 0, seconds: 60, perSecond: 1_000, ms: 10 },
      { fromMs: 60_000, seconds: 1, perSecond: 1_000, ms: 500 },
    );
    expect(isSlow(timing, [steady(10)])).toBe(true);
  });
});
