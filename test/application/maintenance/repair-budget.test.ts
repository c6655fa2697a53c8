// The budget of background repair: a small part of what requests cost, and a little for idle times.
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { callsPerRepair, RepairBudget } from '../../../src/application/maintenance/repair-budget.js';
import { ManualClock } from '../../support/manual-clock.js';
import { region } from '../../support/names.js';

const [frankfurt, dublin] = [region('eu-central-1'), region('eu-west-1')];

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});
const budget = (): RepairBudget => new RepairBudget([frankfurt, dublin], clock);
const spendAll = (of: RepairBudget): number => {
  let repairs = 0;
  for (; of.mayBegin(); repairs += 1) {
    for (let call = 0; call < callsPerRepair; call += 1) for (const at of [frankfurt, dublin]) of.spend(at);
  }
  return repairs;
};

describe('the budget of repairs', () => {
  it('allows one repair at the start, and one every second while idle', async () => {
    const idle = budget();
    expect([idle.mayBegin(), spendAll(idle), spendAll(idle)]).toEqual([true, 1, 0]);
    await clock.advance(999);
    expect(spendAll(idle)).toBe(0);
    await clock.advance(2);
    expect(spendAll(idle)).toBe(1);
  });

  it('earns one repair per hundred calls, in each region separately', () => {
    const busy = budget();
    spendAll(busy);
    for (let call = 0; call < 101; call += 1) busy.earn(frankfurt);
    expect(spendAll(busy)).toBe(0);
    for (let call = 0; call < 101; call += 1) busy.earn(dublin);
    expect(spendAll(busy)).toBe(1);
  });

  it('saves at most two repairs', async () => {
    const rich = budget();
    for (let call = 0; call < 10_000; call += 1) for (const at of [frankfurt, dublin]) rich.earn(at);
    await clock.advance(3_600_000);
    expect(spendAll(rich)).toBe(2);
  });

  it('delays the next repairs when one made more calls than planned', async () => {
    const tight = budget();
    for (let call = 0; call < 3 * callsPerRepair; call += 1) tight.spend(frankfurt);
    await clock.advance(2_999);
    expect(tight.mayBegin()).toBe(false);
    await clock.advance(2);
    expect(tight.mayBegin()).toBe(true);
  });

  it('keeps repairs under 5 % of the calls of a busy region, in any order of events', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 400, max: 2_000 }), fc.integer({ min: 4, max: 5 })), {
          minLength: 1,
          maxLength: 60,
        }),
        async (seconds) => {
          clock = new ManualClock();
          const one = new RepairBudget([frankfurt], clock);
          let [requests, repairs] = [0, 0];
          for (const [calls, cost] of seconds) {
            for (let call = 0; call < calls; call += 1) {
              one.earn(frankfurt);
              requests += 1;
              if (call % 10 !== 0 || !one.mayBegin()) continue;
              for (let paid = 0; paid < cost; paid += 1) one.spend(frankfurt);
              repairs += cost;
            }
            await clock.advance(1_000);
          }
          expect(repairs).toBeLessThanOrEqual(0.05 * requests + 2 * callsPerRepair + 1);
        },
      ),
      { numRuns: 30 },
    );
  });
});
