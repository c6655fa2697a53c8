// How many keys may be made: a burst, a rate, and a number for each day.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  CreationQuota,
  defaultCreationLimits,
  type CreationLimits,
} from '../../../src/domain/access/creation-quota.js';

const dayMs = 86_400_000;
const noonMs = Date.UTC(2030, 0, 1, 12);

/** Takes keys at moments after noon; answers with the time to wait, 0 for a key. */
function taker(limits: CreationLimits): (afterMs: number, clockShiftMs?: number) => number {
  const quota = new CreationQuota(limits, { monotonicMs: 0, nowMs: noonMs });
  return (afterMs, clockShiftMs = 0) =>
    quota.take({ monotonicMs: afterMs, nowMs: noonMs + afterMs + clockShiftMs });
}
const times = (count: number, take: () => number): readonly number[] => Array.from({ length: count }, take);

describe('a quota of keys', () => {
  it('is by default one a second, ten at once and a thousand a day', () => {
    expect(defaultCreationLimits).toEqual({ perSecond: 1, burst: 10, perDay: 1_000 });
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

  it('of a day is used up until midnight UTC, then starts again', () => {
    const take = taker({ perSecond: 1_000, burst: 1_000, perDay: 2 });
    expect([take(0), take(0), take(0), take(1_000)]).toEqual([0, 0, dayMs / 2, dayMs / 2 - 1_000]);
    expect([take(dayMs / 2 - 1), take(dayMs / 2), take(dayMs / 2), take(dayMs / 2)]).toEqual([
      1,
      0,
      0,
      dayMs,
    ]);
  });

  it('of a day does not start again when the clock is set back', () => {
    const take = taker({ perSecond: 1_000, burst: 1_000, perDay: 1 });
    expect([take(0), take(1, -dayMs) > dayMs, take(2)]).toEqual([0, true, dayMs / 2 - 2]);
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
