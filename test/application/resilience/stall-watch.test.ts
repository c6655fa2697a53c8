// Pauses of this process: each call learns whether one happened while it was in flight.
import { afterEach, expect, it } from '@jest/globals';
import { StallWatch } from '../../../src/application/resilience/stall-watch.js';
import { ManualClock } from '../../support/manual-clock.js';

const clock = new ManualClock();
const watch = new StallWatch(clock);
afterEach(() => {
  expect(clock.pending).toBe(0);
});

it('a call without a pause is undisturbed, however long it takes', async () => {
  const call = watch.begin();
  await clock.advance(10_000);
  expect(watch.end(call)).toBe(false);
});

it.each([100, 500, 60_000])('a pause of %i ms is noticed before the late timer fires', async (pauseMs) => {
  const call = watch.begin();
  await clock.advance(20);
  clock.stall(pauseMs);
  expect(watch.end(call)).toBe(true);
});

it('a pause in the middle of a call is noticed at its end, and by every call that was in flight', async () => {
  const calls = [watch.begin(), watch.begin()];
  await clock.advance(75);
  clock.stall(300);
  await clock.advance(2_000);
  expect(calls.map((call) => watch.end(call))).toEqual([true, true]);
});

it('a call that began after the pause is undisturbed', async () => {
  const before = watch.begin();
  clock.stall(300);
  await clock.advance(100);
  const after = watch.begin();
  await clock.advance(100);
  expect([watch.end(before), watch.end(after)]).toEqual([true, false]);
});

it('time in which nothing is in flight is no pause', async () => {
  watch.end(watch.begin());
  clock.stall(5_000);
  const call = watch.begin();
  await clock.advance(60);
  expect(watch.end(call)).toBe(false);
});
