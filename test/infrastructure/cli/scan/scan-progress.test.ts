// The line that shows an operator the progress of a scan.
import { describe, expect, it } from '@jest/globals';
import { progressLine } from '../../../../src/infrastructure/cli/scan/scan-progress.js';

describe('the progress of a scan', () => {
  it.each([
    [
      { done: 1_200, total: 100_000, perSecond: 949.6, remainingMs: 103_100 },
      '1200 of 100000 keys (1 %), 950/s, 1 min 44 s left',
    ],
    [{ done: 10, total: 40, perSecond: 10, remainingMs: 3_000 }, '10 of 40 keys (25 %), 10/s, 3 s left'],
    [
      { done: 1, total: 9_000, perSecond: 1, remainingMs: 8_999_000 },
      '1 of 9000 keys (0 %), 1/s, 2 h 29 min left',
    ],
    [{ done: 10, total: undefined, perSecond: 10, remainingMs: undefined }, '10 keys, 10/s'],
    [{ done: 50, total: 40, perSecond: 10, remainingMs: undefined }, '50 keys, 10/s'],
    [{ done: 0, total: 0, perSecond: 0, remainingMs: undefined }, '0 keys, 0/s'],
  ])('%j reads %s', (progress, line) => {
    expect(progressLine(progress)).toBe(line);
  });
});
