// A timer that judges others does not blame them for what this process missed.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { scheduleStallAware } from '../../src/domain/stall-aware-timer.js';
import { ManualClock } from '../support/manual-clock.js';

let clock: ManualClock;
let fired: number[];
let cancel: () => void;
const start = (delayMs: number): void => {
  cancel = scheduleStallAware(clock, delayMs, () => fired.push(clock.monotonicMs()));
};
beforeEach(() => {
  clock = new ManualClock();
  fired = [];
});

describe('a timer that is on time', () => {
  it('fires after its delay, once', async () => {
    start(150);
    await clock.advance(10_000);
    expect([fired, clock.pending]).toEqual([[150], 0]);
  });

  it('is on time also when it is a little late', async () => {
    start(150);
    await clock.advance(140);
    clock.stall(20);
    await clock.advance(10_000);
    expect(fired).toEqual([160]);
  });

  it('does not fire once it is cancelled', async () => {
    start(150);
    await clock.advance(149);
    cancel();
    await clock.advance(10_000);
    expect([fired, clock.pending]).toEqual([[], 0]);
  });
});

describe('a timer that comes late, because the process was busy', () => {
  it('gives as much time once more as was lost', async () => {
    start(150);
    await clock.advance(100);
    clock.stall(100);
    await clock.advance(10_000);
    expect([fired, clock.pending]).toEqual([[250], 0]);
  });

  it('gives no more than its own delay, however late it is', async () => {
    start(150);
    clock.stall(5_000);
    await clock.advance(10_000);
    expect(fired).toEqual([5_150]);
  });

  it('gives it twice: one that always comes late gives up in the end', async () => {
    start(150);
    clock.stall(1_000);
    await clock.advance(1);
    clock.stall(1_000);
    await clock.advance(1);
    clock.stall(1_000);
    await clock.advance(10_000);
    expect([fired, clock.pending]).toEqual([[3_002], 0]);
  });

  it('does not fire once it is cancelled during the time that it gives', async () => {
    start(150);
    clock.stall(200);
    await clock.advance(10);
    cancel();
    await clock.advance(10_000);
    expect([fired, clock.pending]).toEqual([[], 0]);
  });
});

describe('a timer that is on time while the process is busy', () => {
  it('gives as much time once more as the process was busy', async () => {
    start(100);
    await clock.advance(20);
    await clock.work(80);
    await clock.advance(10_000);
    expect(fired).toEqual([180]);
  });

  it('gives nothing while the process is only as busy as at most times', async () => {
    start(100);
    await clock.advance(30);
    await clock.work(70);
    await clock.advance(10_000);
    expect(fired).toEqual([100]);
  });

  it('fires after three times its delay when the process is always busy', async () => {
    start(100);
    await clock.work(1_000);
    expect([fired, clock.pending]).toEqual([[300], 0]);
  });
});
