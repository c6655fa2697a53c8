// How many calls a throttling region may have under way.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  increased,
  noThrottleLimit,
  afterThrottle,
  type ThrottleLimit,
  type ThrottledCall,
} from '../../../src/domain/regions/throttle-limit.js';

/** A call that was throttled at once. */
const call = (inFlight: number, atMs: number): ThrottledCall => ({ beganMs: atMs, atMs, inFlight });
const limited = (limit: number, increasedMs: number): ThrottleLimit => ({
  limit,
  increasedMs,
  reducedMs: increasedMs,
});

describe('a quota of calls', () => {
  it('is without limit for a region that never throttled', () => {
    expect(increased(noThrottleLimit, 1_000_000)).toBe(noThrottleLimit);
    expect(noThrottleLimit.limit).toBe(Infinity);
  });

  it('begins at 70 % of the calls that were in flight', () => {
    expect(afterThrottle(noThrottleLimit, call(100, 5_000))).toEqual(limited(70, 5_000));
  });

  it('falls to seven tenths of itself with every further throttle, rounded down', () => {
    const first = afterThrottle(noThrottleLimit, call(100, 0));
    expect(afterThrottle(first, call(100, 1))).toEqual(limited(49, 1));
    expect(afterThrottle(limited(49, 1), call(100, 2))).toEqual(limited(34, 2));
  });

  it('falls once for a burst: calls that began before it fell say nothing about what it is now', () => {
    const first = afterThrottle(noThrottleLimit, call(100, 5_000));
    expect(afterThrottle(first, { beganMs: 4_999, atMs: 5_001, inFlight: 99 })).toBe(first);
    expect(afterThrottle(first, { beganMs: 5_000, atMs: 5_001, inFlight: 99 })).toEqual(limited(49, 5_001));
  });

  it('is measured against its last decrease also after it has increased', () => {
    const later = increased(afterThrottle(noThrottleLimit, call(100, 5_000)), 7_000);
    expect(later).toEqual({ limit: 72, increasedMs: 7_000, reducedMs: 5_000 });
    expect(afterThrottle(later, { beganMs: 4_999, atMs: 7_000, inFlight: 99 })).toBe(later);
    expect(afterThrottle(later, { beganMs: 6_000, atMs: 7_000, inFlight: 99 })).toEqual(limited(50, 7_000));
  });

  it('falls from the calls in flight when these are fewer than it allows', () => {
    expect(afterThrottle(limited(100, 0), call(10, 1))).toEqual(limited(7, 1));
  });

  it.each([
    [20, 0],
    [20, 999],
    [21, 1_000],
    [21, 1_999],
    [22, 2_000],
    [30, 10_000],
    [37, 11_000],
    [46, 12_000],
    [57, 13_000],
  ])('is %d after %d ms without a throttle: careful for ten seconds, then less so', (limit, ms) => {
    expect(increased(limited(20, 5_000), 5_000 + ms).limit).toBe(limit);
  });

  it('that fell to nothing is forgotten within half a minute by a region that throttles no more', () => {
    expect(increased(limited(0, 5_000), 5_000 + 25_999).limit).toBe(235);
    expect(increased(limited(0, 5_000), 5_000 + 26_000)).toBe(noThrottleLimit);
  });

  it('is the same object until a second is full', () => {
    const quota = limited(70, 5_000);
    expect(increased(quota, 5_999)).toBe(quota);
  });

  it('increases at the same rate however often it is read: no part of a second is lost', () => {
    let quota = limited(10, 0);
    for (let atMs = 0; atMs <= 15_000; atMs += 700) quota = increased(quota, atMs);
    expect(quota).toEqual(increased(limited(10, 0), 14_700));
    expect(quota).toEqual({ limit: 47, increasedMs: 14_000, reducedMs: 0 });
  });

  it('is forgotten at 256 and not at 255', () => {
    const quota = limited(250, 0);
    expect(increased(quota, 5_000)).toEqual({ limit: 255, increasedMs: 5_000, reducedMs: 0 });
    expect(increased(quota, 6_000)).toBe(noThrottleLimit);
  });

  it('is never below none, and always whole, whatever happens', () => {
    const moves = fc.array(
      fc.record({ afterMs: fc.nat(3_000), inFlight: fc.nat(500), throttles: fc.boolean() }),
    );
    fc.assert(
      fc.property(moves, (all) => {
        let quota = noThrottleLimit;
        let atMs = 0;
        for (const { afterMs, inFlight, throttles } of all) {
          atMs += afterMs;
          quota = throttles ? afterThrottle(quota, call(inFlight, atMs)) : increased(quota, atMs);
          expect(quota.limit).toBeGreaterThanOrEqual(0);
          expect(quota.limit).toBe(Math.floor(quota.limit));
        }
      }),
    );
  });

  it('may be none for a second, and then lets one call through again', () => {
    const worst = afterThrottle(noThrottleLimit, call(0, 5_000));
    expect(worst).toEqual(limited(0, 5_000));
    expect(increased(worst, 5_999).limit).toBe(0);
    expect(increased(worst, 6_000)).toEqual({ limit: 1, increasedMs: 6_000, reducedMs: 5_000 });
  });

  it('is forgotten in the end by a region that throttles no more', () => {
    expect(increased(afterThrottle(noThrottleLimit, call(0, 0)), 256_000)).toBe(noThrottleLimit);
  });
});
