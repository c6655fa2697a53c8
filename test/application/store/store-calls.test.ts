// Calls to the store: bounded in time, and honest about what a write that was cut off may have done.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow';
import { patience, storeTimeoutMs, VirtualService } from '../../support/virtual-service.js';

let service: VirtualService;
beforeEach(() => {
  service = new VirtualService();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const silence = (): ResultAsync<never, never> => new ResultAsync(new Promise(() => undefined));

describe('reading the store', () => {
  it('answers what the store answers, from the store itself', async () => {
    const { storeCalls, store } = service;
    expect(await storeCalls.read((used) => okAsync(used === store), patience())).toEqual(ok(true));
  });

  it("ends with the store's own failure", async () => {
    const failing = service.storeCalls.read(() => errAsync({ kind: 'store.throttled' }), patience());
    expect(await failing).toEqual(err({ kind: 'store.throttled' }));
  });

  it('is store.unavailable after the time-out', async () => {
    const reading = service.storeCalls.read(silence, patience());
    await service.clock.advance(storeTimeoutMs);
    expect(await reading).toEqual(err({ kind: 'store.unavailable', reason: 'timed-out' }));
  });

  it('is call.aborted when nobody waits any more', async () => {
    const caller = new AbortController();
    const reading = service.storeCalls.read(silence, caller.signal);
    caller.abort();
    expect(await reading).toEqual(err({ kind: 'call.aborted' }));
  });
});

describe('writing to the store', () => {
  it('answers what the store answers, from the store itself', async () => {
    const { storeCalls, store } = service;
    expect(await storeCalls.write((used) => okAsync(used === store), patience())).toEqual(ok(true));
  });

  it("ends with the store's own failure", async () => {
    const failing = service.storeCalls.write(() => errAsync({ kind: 'store.unavailable' }), patience());
    expect(await failing).toEqual(err({ kind: 'store.unavailable' }));
  });

  it('is of unknown outcome after the time-out, neither done nor undone (I8)', async () => {
    const writing = service.storeCalls.write(silence, patience());
    await service.clock.advance(storeTimeoutMs);
    expect(await writing).toEqual(err({ kind: 'store.outcome-unknown', reason: 'timed-out' }));
  });

  it('is of unknown outcome when nobody waits any more (I8)', async () => {
    const caller = new AbortController();
    const writing = service.storeCalls.write(silence, caller.signal);
    caller.abort();
    expect(await writing).toEqual(err({ kind: 'store.outcome-unknown', cause: 'aborted' }));
  });

  it.each(['read', 'write'] as const)(
    'or reading tells the store by its signal that nobody waits (%s)',
    async (way) => {
      const signals: AbortSignal[] = [];
      const act = (_: unknown, signal: AbortSignal): ResultAsync<never, never> => {
        signals.push(signal);
        return silence();
      };
      const ending = service.storeCalls[way](act, patience());
      await service.clock.advance(storeTimeoutMs - 1);
      expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
      await service.clock.advance(1);
      expect((await ending).isErr()).toBe(true);
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    },
  );
});
