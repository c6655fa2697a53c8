// Repeated calls to the store: which failures are repeated, within which time and budget, and what the last failure may hide.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import { StoreCalls } from '../../../src/application/store/store-calls.js';
import type { StoreWriteFailure } from '../../../src/domain/failures/store-failures.js';
import type { StoreOperation } from '../../../src/ports/telemetry.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingTelemetry } from '../../support/recording-telemetry.js';
import { WatchedRepository } from '../../support/watched-repository.js';

const storeTimeoutMs = 1_000;
const down = { kind: 'store.unavailable', reason: 'server-error' } as const;
const throttled = { kind: 'store.throttled' } as const;
const unknown = { kind: 'store.outcome-unknown', cause: 'server-error' } as const;
const conflicted = { kind: 'store.conflicted' } as const;

let clock: ManualClock;
let telemetry: RecordingTelemetry;
let calls: StoreCalls;
let tries: number;
beforeEach(() => {
  clock = new ManualClock();
  telemetry = new RecordingTelemetry();
  calls = new StoreCalls(new WatchedRepository(), clock, telemetry, { storeTimeoutMs, repeats: true });
  tries = 0;
});
afterEach(() => {
  expect(clock.pending).toBe(0);
});

/** Fails with each of these once, then succeeds; the last stays with `forEver`. */
const failing =
  (failures: readonly StoreWriteFailure[], { forEver = false, takesMs = 0 } = {}) =>
  (): ResultAsync<string, StoreWriteFailure> => {
    const failure = failures[tries] ?? (forEver ? failures.at(-1) : undefined);
    tries += 1;
    clock.stall(takesMs);
    return failure === undefined ? okAsync('done') : errAsync(failure);
  };
async function written(
  operation: StoreOperation,
  run: () => ResultAsync<string, StoreWriteFailure>,
  signal = new AbortController().signal,
): Promise<unknown> {
  const writing = calls.write({ operation, run }, signal);
  await clock.advance(storeTimeoutMs);
  return writing;
}
async function readOf(failures: readonly (typeof down | typeof throttled)[]): Promise<unknown> {
  const reading = calls.read(
    { operation: 'find', run: failing(failures) as never },
    new AbortController().signal,
  );
  await clock.advance(storeTimeoutMs);
  return reading;
}

describe('a call to the store that fails in passing', () => {
  it('is read again until it succeeds, and is reported once', async () => {
    expect([await readOf([down, throttled, down]), tries]).toEqual([ok('done'), 4]);
    expect(telemetry.events).toMatchObject([{ event: 'store.answered', operation: 'find' }]);
  });

  it.each<[StoreOperation, StoreWriteFailure, number]>([
    ['insert', down, 2],
    ['insert', throttled, 2],
    ['insert', unknown, 2],
    ['insert', conflicted, 1],
    ['update', down, 2],
    ['update', unknown, 1],
    ['initialise', unknown, 2],
    ['insert', { kind: 'store.misconfigured', detail: 'no table' }, 1],
    ['insert', { kind: 'credentials.invalid' }, 1],
  ])('and is the write %s that ended with %o is tried %d times', async (operation, failure, times) => {
    expect(await written(operation, failing([failure]))).toEqual(times === 1 ? err(failure) : ok('done'));
    expect(tries).toBe(times);
  });

  it('is tried six times at most, within half of its time', async () => {
    const startedMs = clock.monotonicMs();
    const reading = written('find', failing([down], { forEver: true }));
    expect(await reading).toEqual(err(down));
    expect([tries, clock.monotonicMs() - startedMs]).toEqual([6, storeTimeoutMs]);
  });

  it('keeps its own failure when it took more than half of its time', async () => {
    expect(await written('insert', failing([down], { takesMs: 510 }))).toEqual(err(down));
    expect(tries).toBe(1);
  });

  it('has an unknown outcome when any of its tries had one, whatever the last one says (I8)', async () => {
    expect(await written('insert', failing([down, unknown, down], { forEver: true }))).toEqual(err(unknown));
  });

  it('is not repeated when its result is no longer needed', async () => {
    const caller = new AbortController();
    const run = (): ResultAsync<string, StoreWriteFailure> => {
      caller.abort();
      return failing([down], { forEver: true })();
    };
    await written('find', run, caller.signal);
    expect(tries).toBe(1);
  });
});

describe('the budget of repetitions', () => {
  it('lets nearly every call succeed while three in ten fail', async () => {
    const results: unknown[] = [];
    const flaky = (): ResultAsync<string, StoreWriteFailure> =>
      clock.random() < 0.3 ? errAsync(down) : okAsync('done');
    for (let n = 0; n < 1_000; n += 1) {
      void calls.write({ operation: 'find', run: flaky }, new AbortController().signal).then((result) => {
        results.push(result.isOk());
      });
      await clock.advance(10);
    }
    await clock.advance(storeTimeoutMs);
    expect(results.filter((isOk) => isOk === true).length).toBeGreaterThanOrEqual(990);
  });

  it('adds at most half as many calls, after a burst, when every call fails', async () => {
    for (let n = 0; n < 1_000; n += 1) {
      void calls.write(
        { operation: 'find', run: failing([down], { forEver: true }) },
        new AbortController().signal,
      );
    }
    await clock.advance(storeTimeoutMs);
    expect(tries).toBeLessThanOrEqual(1_600);
  });
});
