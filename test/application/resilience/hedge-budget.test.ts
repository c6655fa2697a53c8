// How many hedges requests may have: a burst at first, then four in a hundred requests.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HedgeBudget } from '../../../src/application/resilience/hedge-budget.js';

const times = <T>(count: number, act: () => T): readonly T[] => Array.from({ length: count }, act);
const spent = (budget: HedgeBudget, tries: number): number =>
  times(tries, budget.spend).filter((granted) => granted).length;

/** How many of `count` requests get a hedge if each of them wants one. */
const hedgesOf = (budget: HedgeBudget, count: number): number =>
  times(count, () => {
    budget.earn();
    return budget.spend();
  }).filter((granted) => granted).length;

describe('a hedge budget', () => {
  it('starts with room for a burst of ten', () => {
    expect(spent(new HedgeBudget(), 100)).toBe(10);
  });

  it('that is used up grants four hedges in a hundred requests, again and again', () => {
    const budget = new HedgeBudget();
    spent(budget, 10);
    expect(times(5, () => hedgesOf(budget, 100))).toStrictEqual([4, 4, 4, 4, 4]);
  });

  it('that is used up grants the next hedge to the twenty-fifth request, not to an earlier one', () => {
    const budget = new HedgeBudget();
    spent(budget, 10);
    times(24, () => {
      budget.earn();
    });
    expect(budget.spend()).toBe(false);
    budget.earn();
    expect([budget.spend(), budget.spend()]).toStrictEqual([true, false]);
  });

  it('saves at most a burst of ten, however many requests needed no hedge', () => {
    const budget = new HedgeBudget();
    times(100_000, () => {
      budget.earn();
    });
    expect(spent(budget, 100)).toBe(10);
  });

  it('is not reduced by a refused hedge', () => {
    const budget = new HedgeBudget();
    spent(budget, 1_000);
    expect(hedgesOf(budget, 100)).toBe(4);
  });

  it('grants at most ten hedges plus one for every twenty-five requests, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 2_000 }), (earns) => {
        const budget = new HedgeBudget();
        let [requests, hedges] = [0, 0];
        for (const earn of earns) {
          if (earn) {
            budget.earn();
            requests += 1;
          } else if (budget.spend()) hedges += 1;
          expect(hedges).toBeLessThanOrEqual(10 + Math.floor(requests / 25 + 1e-6));
        }
      }),
    );
  });
});
