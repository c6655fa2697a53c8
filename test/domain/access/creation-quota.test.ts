// How many keys may be created: a burst, a rate, and a number for each day.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  CreationQuota,
  defaultCreationLimits,
  type CreationLimits,
} from '../../../src/domain/access/creation-quota.js';

const dayMs = 86_400_000;

/** Takes keys at moments; answers with the time to wait, 0 for a key. */
function taker(limits: CreationLimits): (atMs: number) => number {
  const quota = new CreationQuota(limits, 0);
  return (atMs) => {
    const taken = quota.take(atMs);
    return typeof taken === 'function' ? 0 : taken.retryAfterMs;
  };
}
const times = (count: number, take: () => number): readonly number[] => Array.from({ length: count }, take);

describe('a quota of keys', () => {
  it('is by default enough for the first day of an application with many users', () => {
    expect(defaultCreationLimits).toEqual({ perSecond: 50, burst: 1_000, perDay: 100_000 });
  });

  it('allows a burst, then one key for each second that passed, and says how long to wait', () => {
    const take = taker({ perSecond: 1, burst: 3, perDay: 100 });
    expect(times(4, () => take(0))).toEqual([0, 0, 0, 1_000]);
    expect([take(999), take(1_000), take(1_000), take(3_500), take(3_500), take(3_500)]).toEqual([
      1, 0, 1_000, 0, 0, 500,
    ]);
  });

  it('never holds more than the burst, however long the caller was idle', () => {
    const take = taker({ perSecond: 1, burst: 2, perDay: 100 });
    expect(times(4, () => take(3_600_000))).toEqual([0, 0, 1_000, 1_000]);
  });

  it('may be slower than one a second', () => {
    const take = taker({ perSecond: 0.1, burst: 1, perDay: 100 });
    expect([take(0), take(0), take(5_000), take(10_000)]).toEqual([0, 10_000, 5_000, 0]);
  });

  it('of a day is used up for 24 hours from its first key, then starts again', () => {
    const take = taker({ perSecond: 1_000, burst: 1_000, perDay: 2 });
    const laterMs = 5_000;
    expect([take(laterMs), take(laterMs), take(laterMs), take(laterMs + 1_000)]).toEqual([
      0,
      0,
      dayMs,
      dayMs - 1_000,
    ]);
    const endMs = laterMs + dayMs;
    expect([take(endMs - 1), take(endMs), take(endMs), take(endMs)]).toEqual([1, 0, 0, dayMs]);
  });

  it('says which limit refuses', () => {
    const quota = new CreationQuota({ perSecond: 1, burst: 2, perDay: 3 }, 0);
    const limitAt = (atMs: number): unknown => {
      const taken = quota.take(atMs);
      return typeof taken === 'function' ? 'taken' : taken.limit;
    };
    expect([0, 0, 0, 9_000, 9_000].map(limitAt)).toEqual(['taken', 'taken', 'rate', 'taken', 'day']);
  });

  it('of a day does not count keys that were taken back, but the rate does', () => {
    const quota = new CreationQuota({ perSecond: 1, burst: 3, perDay: 1 }, 0);
    const failedTry = (atMs: number): unknown => {
      const taken = quota.take(atMs);
      if (typeof taken === 'function') taken();
      return typeof taken === 'function' ? 'taken' : taken;
    };
    const overRate = { limit: 'rate', retryAfterMs: 1_000 };
    expect([0, 0, 0, 0].map(failedTry)).toEqual(['taken', 'taken', 'taken', overRate]);
    expect([1_000, 2_000, 3_000].map(failedTry)).toEqual(['taken', 'taken', 'taken']);
  });

  it('of a day is not increased by a key of the day before that is taken back', () => {
    const quota = new CreationQuota({ perSecond: 1, burst: 9, perDay: 1 }, 0);
    const old = quota.take(0);
    expect(typeof quota.take(dayMs)).toBe('function');
    if (typeof old === 'function') old();
    expect(quota.take(dayMs)).toEqual({ limit: 'day', retryAfterMs: dayMs });
  });

  it('is not reduced by a refusal', () => {
    const take = taker({ perSecond: 1, burst: 1, perDay: 100 });
    take(0);
    expect(times(1_000, () => take(500)).every((waitMs) => waitMs === 500)).toBe(true);
    expect(take(1_000)).toBe(0);
  });

  it('in any stretch of time allows at most the burst and what the rate adds, and after the wait always one', () => {
    const steps = fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 60 });
    const limits = fc.record({
      perSecond: fc.constantFrom(0.25, 1, 8),
      burst: fc.integer({ min: 1, max: 5 }),
      perDay: fc.constant(1_000),
    });
    fc.assert(
      fc.property(limits, steps, (wanted, waits) => {
        const take = taker(wanted);
        let [atMs, made] = [0, 0];
        for (const waitMs of waits) {
          atMs += waitMs;
          const retryAfterMs = take(atMs);
          if (retryAfterMs > 0) expect(take((atMs += retryAfterMs + 1))).toBe(0);
          made += 1;
        }
        expect(made).toBeLessThanOrEqual(wanted.burst + (atMs / 1_000) * wanted.perSecond + 1e-6);
      }),
    );
  });
});
