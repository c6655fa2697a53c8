// Calls to the store: limited in time, honest about what a write that was cut off may have done, and reported once each.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow';
import {
  findRecord,
  readGenesis,
  StoreCalls,
  type StoreAct,
} from '../../../src/application/store/store-calls.js';
import { firstVersion } from '../../../src/domain/ids.js';
import type { Tracer } from '../../../src/ports/tracer.js';
import { ManualClock } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { RecordingTelemetry } from '../../support/recording-telemetry.js';
import { patience, storeTimeoutMs } from '../../support/virtual-service.js';
import { WatchedRepository } from '../../support/watched-repository.js';

let clock: ManualClock;
let telemetry: RecordingTelemetry;
let spans: unknown[];
let storeCalls: StoreCalls;
const store = new WatchedRepository();
const span: Tracer['span'] = (name, facts, act) => {
  spans.push([name, facts]);
  return act({ note: () => undefined, fail: (kind) => spans.push([name, 'failed', kind]) });
};
beforeEach(() => {
  clock = new ManualClock();
  telemetry = new RecordingTelemetry();
  spans = [];
  const tracer = { span, request: () => Promise.reject(new Error('no request here')) };
  storeCalls = new StoreCalls(store, clock, telemetry, { storeTimeoutMs }, tracer);
});
afterEach(() => {
  expect(clock.pending).toBe(0);
});

type Run<F> = StoreAct<unknown, F>['run'];
const silence = (): ResultAsync<never, never> => new ResultAsync(new Promise(() => undefined));
const read = (run: Run<{ kind: 'store.throttled' }>, signal = patience()): ResultAsync<unknown, unknown> =>
  storeCalls.read({ operation: 'find', run }, signal);
const write = (run: Run<{ kind: 'store.throttled' }>, signal = patience()): ResultAsync<unknown, unknown> =>
  storeCalls.write({ operation: 'update', run }, signal);
const reported = (operation: string, durationMs: number, failure?: object): unknown[] => [
  { event: 'store.answered', operation, durationMs, ...(failure && { failure }) },
];

describe('reading the store', () => {
  it('answers what the store itself answers, as one span and one event with its duration', async () => {
    const answer = await read((used) => {
      clock.stall(7);
      return okAsync(used === store);
    });
    expect(answer).toEqual(ok(true));
    expect(telemetry.events).toStrictEqual(reported('find', 7));
    expect(spans).toEqual([['store.find', {}]]);
  });

  it("ends with the store's own failure, which the span and the event name", async () => {
    const failure = { kind: 'store.throttled' } as const;
    expect(await read(() => errAsync(failure))).toEqual(err(failure));
    expect(telemetry.events).toStrictEqual(reported('find', 0, failure));
    expect(spans).toEqual([
      ['store.find', {}],
      ['store.find', 'failed', 'store.throttled'],
    ]);
  });

  it('is store.unavailable after the time-out', async () => {
    const reading = read(silence);
    await clock.advance(storeTimeoutMs);
    const failure = { kind: 'store.unavailable', reason: 'timed-out' };
    expect(await reading).toEqual(err(failure));
    expect(telemetry.events).toStrictEqual(reported('find', storeTimeoutMs, failure));
  });

  it('is call.aborted when the result is no longer needed', async () => {
    const caller = new AbortController();
    const reading = read(silence, caller.signal);
    caller.abort();
    expect(await reading).toEqual(err({ kind: 'call.aborted' }));
    expect(telemetry.events).toStrictEqual(reported('find', 0, { kind: 'call.aborted' }));
  });
});

describe('writing to the store', () => {
  it('answers what the store itself answers, as one span and one event with its duration', async () => {
    const answer = await write((used) => {
      clock.stall(7);
      return okAsync(used === store);
    });
    expect(answer).toEqual(ok(true));
    expect(telemetry.events).toStrictEqual(reported('update', 7));
    expect(spans).toEqual([['store.update', {}]]);
  });

  it("ends with the store's own failure", async () => {
    expect(await write(() => errAsync({ kind: 'store.throttled' }))).toEqual(
      err({ kind: 'store.throttled' }),
    );
  });

  it('has an unknown outcome after the time-out, neither done nor undone (I8)', async () => {
    const writing = write(silence);
    await clock.advance(storeTimeoutMs);
    const failure = { kind: 'store.outcome-unknown', reason: 'timed-out' };
    expect(await writing).toEqual(err(failure));
    expect(telemetry.events).toStrictEqual(reported('update', storeTimeoutMs, failure));
  });

  it('has an unknown outcome when its result is no longer needed (I8)', async () => {
    const caller = new AbortController();
    const writing = write(silence, caller.signal);
    caller.abort();
    expect(await writing).toEqual(err({ kind: 'store.outcome-unknown', cause: 'aborted' }));
  });
});

describe.each([
  ['read', read, { kind: 'call.aborted' }],
  ['write', write, { kind: 'store.outcome-unknown', cause: 'aborted' }],
] as const)('a %s', (_, call, aborted) => {
  it('fires the signal that the store received, at the time-out', async () => {
    const signals: AbortSignal[] = [];
    const ending = call((_used, signal) => {
      signals.push(signal);
      return silence();
    });
    await clock.advance(storeTimeoutMs - 1);
    expect(signals.map((signal) => signal.aborted)).toEqual([false]);
    await clock.advance(1);
    expect((await ending).isErr()).toBe(true);
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
  });

  it('that is aborted before it begins is neither made nor reported', async () => {
    let made = 0;
    const ending = call(() => {
      made += 1;
      return okAsync(1);
    }, AbortSignal.abort());
    expect(await ending).toEqual(err(aborted));
    expect([made, telemetry.events, spans]).toEqual([0, [], []]);
  });
});

it.each([
  ['find', findRecord(keyId('orders/7'), firstVersion)],
  ['genesis', readGenesis],
] as const)('reading a record is named %s', async (operation, act) => {
  const found = await storeCalls.read<unknown>(act, patience());
  expect(found).toEqual(ok(undefined));
  expect(telemetry.events).toStrictEqual(reported(operation, 0));
});
