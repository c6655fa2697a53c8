// How many hedges requests may have: a burst at first, then four in a hundred requests.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hedgesPerRequest, maxSavedHedges } from '../../../src/application/regions/region-attempts.js';
import { TokenBucket } from '../../../src/domain/token-bucket.js';

const newBudget = (): TokenBucket => new TokenBucket(maxSavedHedges);
const earn = (budget: TokenBucket): void => {
  budget.add(hedgesPerRequest);
};

const times = <T>(count: number, act: () => T): readonly T[] => Array.from({ length: count }, act);
const spent = (budget: TokenBucket, tries: number): number =>
  times(tries, () => budget.take()).filter((granted) => granted).length;

/** How many of `count` requests get a hedge if each of them wants one. */
const hedgesOf = (budget: TokenBucket, count: number): number =>
  times(count, () => {
    earn(budget);
    return budget.take();
  }).filter((granted) => granted).length;

describe('a hedge budget', () => {
  it('starts with room for a burst of ten', () => {
    expect(spent(newBudget(), 100)).toBe(10);
  });

  it('that is used up grants four hedges in a hundred requests, again and again', () => {
    const budget = newBudget();
    spent(budget, 10);
    expect(times(5, () => hedgesOf(budget, 100))).toStrictEqual([4, 4, 4, 4, 4]);
  });

  it('that is used up grants the next hedge to the twenty-fifth request, not to an earlier one', () => {
    const budget = newBudget();
    spent(budget, 10);
    times(24, () => {
      earn(budget);
    });
    expect(budget.take()).toBe(false);
    earn(budget);
    expect([budget.take(), budget.take()]).toStrictEqual([true, false]);
  });

  it('saves at most a burst of ten, however many requests needed no hedge', () => {
    const budget = newBudget();
    times(100_000, () => {
      earn(budget);
    });
    expect(spent(budget, 100)).toBe(10);
  });

  it('is not reduced by a refused hedge', () => {
    const budget = newBudget();
    spent(budget, 1_000);
    expect(hedgesOf(budget, 100)).toBe(4);
  });

  it('grants at most ten hedges plus one for every twenty-five requests, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 2_000 }), (events) => {
        const budget = newBudget();
        let [requests, hedges] = [0, 0];
        for (const isRequest of events) {
          if (isRequest) {
            earn(budget);
            requests += 1;
          } else if (budget.take()) hedges += 1;
          expect(hedges).toBeLessThanOrEqual(10 + Math.floor(requests / 25 + 1e-6));
        }
      }),
    );
  });
});
