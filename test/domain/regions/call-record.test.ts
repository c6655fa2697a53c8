// How calls ended of late, and when too many of them failed.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { counted, exceedsLimits, noCalls, type CallRecord } from '../../../src/domain/regions/call-record.js';
import { defaultHealthSettings as limits } from '../../../src/domain/regions/region-state.js';

interface Call {
  readonly atMs: number;
  readonly isGood: boolean;
}

const recordOf = (calls: readonly Call[]): CallRecord =>
  calls.reduce((record, { atMs, isGood }) => counted(record, atMs, isGood), noCalls);
const manyAt = (atMs: number, isGood: boolean, count: number): readonly Call[] =>
  Array.from({ length: count }, () => ({ atMs, isGood }));

describe('a record of calls', () => {
  it('counts successes and failures ones per second, the oldest first', () => {
    const calls = [...manyAt(500, true, 2), ...manyAt(999, false, 1), ...manyAt(1_000, false, 3)];
    expect(recordOf(calls)).toEqual({
      consecutiveFailures: 4,
      seconds: [
        { second: 0, successes: 2, failures: 1 },
        { second: 1, successes: 0, failures: 3 },
      ],
    });
  });

  it('ends a row of failures with a successes answer', () => {
    expect(recordOf([...manyAt(0, false, 4), ...manyAt(0, true, 1)]).consecutiveFailures).toBe(0);
  });

  it('forgets a second when the tenth after it begins, and not before', () => {
    const second = (atMs: number): readonly number[] =>
      recordOf([...manyAt(0, true, 1), ...manyAt(atMs, true, 1)]).seconds.map((each) => each.second);
    expect(second(9_999)).toEqual([0, 9]);
    expect(second(10_000)).toEqual([10]);
  });

  it('leaves the record before it as it was', () => {
    const before = recordOf(manyAt(0, true, 1));
    counted(before, 0, false);
    expect(before).toEqual({ consecutiveFailures: 0, seconds: [{ second: 0, successes: 1, failures: 0 }] });
  });

  it('has the calls of the last ten seconds and no others, in at most ten parts', () => {
    const calls = fc.array(fc.record({ afterMs: fc.nat(3_000), isGood: fc.boolean() }), { minLength: 1 });
    fc.assert(
      fc.property(calls, (moves) => {
        let atMs = 0;
        const timed = moves.map(({ afterMs, isGood }) => ({ atMs: (atMs += afterMs), isGood }));
        const { seconds } = recordOf(timed);
        const oldest = Math.floor(atMs / 1_000) - 9;
        const recent = timed.filter((call) => Math.floor(call.atMs / 1_000) >= oldest);
        const sum = (count: (each: (typeof seconds)[number]) => number): number =>
          seconds.reduce((total, each) => total + count(each), 0);
        expect(sum(({ successes }) => successes)).toBe(recent.filter(({ isGood }) => isGood).length);
        expect(sum(({ failures }) => failures)).toBe(recent.filter(({ isGood }) => !isGood).length);
        expect(seconds.length).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe('too much has failed', () => {
  const mixed = (failures: number, successes: number): CallRecord => ({
    consecutiveFailures: 0,
    seconds: [
      { second: 1, successes, failures: 0 },
      { second: 2, successes: 0, failures },
    ],
  });

  it.each([
    [false, 'nothing was called', noCalls],
    [false, 'four calls failed in a row', recordOf(manyAt(0, false, 4))],
    [true, 'five calls failed in a row', recordOf(manyAt(0, false, 5))],
    [
      true,
      'five failed in a row after very many successes ones',
      { ...mixed(5, 1_000), consecutiveFailures: 5 },
    ],
    [true, 'half of 20 failed', mixed(10, 10)],
    [false, 'fewer than half of 20 failed', mixed(9, 11)],
    [false, 'half of fewer than 20 failed', mixed(10, 9)],
    [true, 'half of very many failed', mixed(5_000, 5_000)],
    [false, 'fewer than half of very many failed', mixed(4_999, 5_000)],
  ])('%s: %s', (expected, _, record) => {
    expect(exceedsLimits(limits, record)).toBe(expected);
  });
});
