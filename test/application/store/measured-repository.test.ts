// The measured store answers what the store answers, and tells how long it took and how it ended.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync } from 'neverthrow';
import { deadlinePassed } from '../../../src/application/resilience/with-deadline.js';
import { MeasuredRepository } from '../../../src/application/store/measured-repository.js';
import type { KeyRepository } from '../../../src/ports/key-repository.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingTelemetry } from '../../support/recording-telemetry.js';

const clock = new ManualClock();
let telemetry: RecordingTelemetry;
let asked: unknown[];
beforeEach(() => {
  telemetry = new RecordingTelemetry();
  asked = [];
});
afterEach(() => {
  expect(clock.pending).toBe(0);
});

const calls = {
  find: 'find',
  insert: 'insert',
  addCiphertexts: 'update',
  dropCiphertexts: 'update',
  count: 'page',
  page: 'page',
  genesis: 'genesis',
  initialise: 'initialise',
} as const satisfies Record<keyof KeyRepository, string>;
const methods = Object.entries(calls) as (readonly [keyof KeyRepository, string])[];

/** A store in which every call takes 7 ms and ends as `end` does. */
function measured(end: () => unknown): Record<keyof KeyRepository, (...args: unknown[]) => unknown> {
  const call =
    (method: string) =>
    (...args: unknown[]): unknown => {
      asked.push([method, ...args]);
      clock.stall(7);
      return end();
    };
  const store = Object.fromEntries(methods.map(([method]) => [method, call(method)]));
  return new MeasuredRepository(store as unknown as KeyRepository, clock, telemetry) as never;
}

it.each([
  [
    'whose time was over is told as a store that did not answer',
    deadlinePassed,
    { kind: 'store.unavailable', reason: 'timed-out' },
  ],
  ['that nobody waited for any more is told as that', undefined, { kind: 'call.aborted' }],
])('a read %s', async (_, reason, failure) => {
  const asker = new AbortController();
  asker.abort(reason);
  const aborted = { kind: 'call.aborted' };
  expect(await measured(() => errAsync(aborted)).find('a', 1, asker.signal)).toEqual(err(aborted));
  expect(telemetry.events).toStrictEqual([
    { event: 'store.answered', operation: 'find', durationMs: 7, failure },
  ]);
});

describe.each(methods)('%s', (method, operation) => {
  it('is passed on as it is, and measured', async () => {
    expect(await measured(() => okAsync('answer'))[method]('a', 'b', 'c')).toEqual(ok('answer'));
    expect(asked).toEqual([[method, 'a', 'b', 'c']]);
    expect(telemetry.events).toStrictEqual([{ event: 'store.answered', operation, durationMs: 7 }]);
  });

  it('that fails is told with its failure', async () => {
    const failure = { kind: 'store.throttled' };
    expect(await measured(() => errAsync(failure))[method]()).toEqual(err(failure));
    expect(telemetry.events).toStrictEqual([{ event: 'store.answered', operation, durationMs: 7, failure }]);
  });
});
