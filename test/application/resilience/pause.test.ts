// Waiting: as long as was said, and no longer than somebody waits for what comes after.
import { describe, expect, it } from '@jest/globals';
import { pause } from '../../../src/application/resilience/pause.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('a pause', () => {
  it('takes its time, and leaves nothing behind', async () => {
    const clock = new ManualClock();
    let over = false;
    void pause(clock, 50, new AbortController().signal).then(() => (over = true));
    await clock.advance(49);
    expect(over).toBe(false);
    await clock.advance(1);
    expect([over, clock.pending]).toEqual([true, 0]);
  });

  it('ends when its signal fires, and leaves nothing behind', async () => {
    const clock = new ManualClock();
    const caller = new AbortController();
    const waiting = pause(clock, 50, caller.signal);
    caller.abort();
    await waiting;
    expect(clock.pending).toBe(0);
  });

  it('does not begin when its signal has fired', async () => {
    const clock = new ManualClock();
    await pause(clock, 50, AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });
});
