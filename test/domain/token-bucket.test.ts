// The token bucket behind the hedge budget, the repair budget and the creation quota.
import { describe, expect, it } from '@jest/globals';
import { TokenBucket } from '../../src/domain/token-bucket.js';

describe('a token bucket', () => {
  it('starts full unless told otherwise, and grants one token per take', () => {
    const full = new TokenBucket(2);
    expect([full.take(), full.take(), full.take()]).toEqual([true, true, false]);
    expect(new TokenBucket(2, 0).take()).toBe(false);
  });

  it('holds no more than its capacity', () => {
    const bucket = new TokenBucket(1);
    bucket.add(100);
    expect([bucket.take(), bucket.take()]).toEqual([true, false]);
  });

  it('says how many tokens are missing', () => {
    const bucket = new TokenBucket(4, 1);
    expect([bucket.missing(1), bucket.missing(4)]).toEqual([0, expect.closeTo(3)]);
  });

  it('pays debts first when more was spent than it held', () => {
    const bucket = new TokenBucket(4, 0);
    bucket.spend();
    bucket.add(1);
    expect(bucket.take()).toBe(false);
    bucket.add(1);
    expect(bucket.take()).toBe(true);
  });

  it('forgives rounding: ten tenths are one token', () => {
    const bucket = new TokenBucket(1, 0);
    for (let tenth = 0; tenth < 10; tenth += 1) bucket.add(0.1);
    expect(bucket.take()).toBe(true);
  });
});
