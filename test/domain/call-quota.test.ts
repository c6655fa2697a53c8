// How many calls a throttling region may have under way.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { grown, noQuota, throttled, type CallQuota } from '../../src/domain/call-quota.js';

describe('a quota of calls', () => {
  it('is without limit for a region that never throttled', () => {
    expect(grown(noQuota, 1_000_000)).toBe(noQuota);
    expect(noQuota.limit).toBe(Infinity);
  });

  it('begins at seven tenths of the calls that were under way', () => {
    expect(throttled(noQuota, 100, 5_000)).toEqual({ limit: 70, grownMs: 5_000 });
  });

  it('falls to seven tenths of itself with every further throttle, rounded down', () => {
    const first = throttled(noQuota, 100, 0);
    expect(throttled(first, 100, 1)).toEqual({ limit: 49, grownMs: 1 });
    expect(throttled({ limit: 49, grownMs: 1 }, 100, 2)).toEqual({ limit: 34, grownMs: 2 });
  });

  it('falls from the calls under way when these are fewer than it allows', () => {
    expect(throttled({ limit: 100, grownMs: 0 }, 10, 1)).toEqual({ limit: 7, grownMs: 1 });
  });

  it.each([
    [70, 0],
    [70, 999],
    [71, 1_000],
    [71, 1_999],
    [72, 2_000],
    [130, 60_000],
  ])('is %d after %d ms without a throttle', (limit, ms) => {
    expect(grown({ limit: 70, grownMs: 5_000 }, 5_000 + ms).limit).toBe(limit);
  });

  it('is the same object until a second is full', () => {
    const quota: CallQuota = { limit: 70, grownMs: 5_000 };
    expect(grown(quota, 5_999)).toBe(quota);
  });

  it('grows as fast whenever it is looked at: no part of a second is lost', () => {
    let quota: CallQuota = { limit: 10, grownMs: 0 };
    for (let atMs = 0; atMs <= 60_000; atMs += 700) quota = grown(quota, atMs);
    expect(quota).toEqual({ limit: 69, grownMs: 59_000 });
  });

  it('is forgotten at 256 and not at 255', () => {
    const quota: CallQuota = { limit: 250, grownMs: 0 };
    expect(grown(quota, 5_000)).toEqual({ limit: 255, grownMs: 5_000 });
    expect(grown(quota, 6_000)).toBe(noQuota);
  });

  it('is never below none, and always whole, whatever happens', () => {
    const moves = fc.array(
      fc.record({ afterMs: fc.nat(3_000), underWay: fc.nat(500), throttles: fc.boolean() }),
    );
    fc.assert(
      fc.property(moves, (all) => {
        let quota = noQuota;
        let atMs = 0;
        for (const { afterMs, underWay, throttles } of all) {
          atMs += afterMs;
          quota = throttles ? throttled(quota, underWay, atMs) : grown(quota, atMs);
          expect(quota.limit).toBeGreaterThanOrEqual(0);
          expect(quota.limit).toBe(Math.floor(quota.limit));
        }
      }),
    );
  });

  it('may be none for a second, and then lets one call through again', () => {
    const worst = throttled(noQuota, 0, 5_000);
    expect(worst).toEqual({ limit: 0, grownMs: 5_000 });
    expect(grown(worst, 5_999).limit).toBe(0);
    expect(grown(worst, 6_000)).toEqual({ limit: 1, grownMs: 6_000 });
  });

  it('is forgotten in the end by a region that throttles no more', () => {
    expect(grown(throttled(noQuota, 0, 0), 256_000)).toBe(noQuota);
  });
});
