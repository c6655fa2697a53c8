// Keys that are kept in memory: released without a region, for their time and no longer, and overwritten then.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { errAsync } from 'neverthrow';
import { KeyCache } from '../../../src/application/keys/key-cache.js';
import type { ServedKey } from '../../../src/application/keys/served-key.js';
import type { DataKey } from '../../../src/domain/keys/data-key.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { ManualClock } from '../../support/manual-clock.js';
import { keyId, region } from '../../support/names.js';
import { isWiped, randomKey } from '../../support/sample-keys.js';
import { patience, VirtualService } from '../../support/virtual-service.js';

const ttlMs = 60_000;
let clock: ManualClock;
let cache: KeyCache;
/** The copies that the cache keeps. */
let copies: DataKey[];
beforeEach(() => {
  clock = new ManualClock();
  cache = new KeyCache(clock, { ttlMs, maxKeys: 3 });
  copies = [];
});

function served(id: string): ServedKey {
  const key = randomKey();
  const copy = (): DataKey => {
    const kept = key.copy();
    copies.push(kept);
    return kept;
  };
  const facts = { version: firstVersion, region: region('eu-west-1'), copies: 2, regions: 3 };
  return { id: keyId(id), key: { copy } as DataKey, created: true, attempts: 2, hedged: true, ...facts };
}

describe('a kept key', () => {
  it('is given out as a copy, with its age and the region that opened it', async () => {
    cache.put(served('a'));
    await clock.advance(2_500);
    const found = cache.get(keyId('a'));
    expect(found).toMatchObject({
      id: 'a',
      created: false,
      attempts: 0,
      region: 'eu-west-1',
      keyAgeMs: 2_500,
    });
    found?.key.wipe();
    expect(copies.map(isWiped)).toEqual([false]);
    expect([cache.get(keyId('b')), cache.reads]).toEqual([undefined, { hit: 1, miss: 1 }]);
  });

  it('is overwritten when its time is over, though nobody asks for it', async () => {
    cache.put(served('a'));
    await clock.advance(ttlMs / 2);
    cache.put(served('b'));
    await clock.advance(ttlMs / 2);
    expect([copies.map(isWiped), cache.size]).toEqual([[true, false], 1]);
    await clock.advance(ttlMs / 2);
    expect([copies.map(isWiped), cache.size, clock.pending]).toEqual([[true, true], 0, 0]);
  });

  it('is not given out after its time, though the timer is late', () => {
    cache.put(served('a'));
    clock.stall(ttlMs);
    expect(cache.get(keyId('a'))).toBeUndefined();
  });

  it('has no longer time because it is asked for, and a new time when a region opens it again', async () => {
    cache.put(served('a'));
    await clock.advance(ttlMs - 1);
    expect(cache.get(keyId('a'))).toBeDefined();
    cache.put(served('a'));
    expect(copies.map(isWiped)).toEqual([true, false]);
    await clock.advance(ttlMs - 1);
    expect(cache.get(keyId('a'))).toBeDefined();
    await clock.advance(1);
    expect([cache.get(keyId('a')), copies.map(isWiped)]).toEqual([undefined, [true, true]]);
  });

  it('gives way to newer ones, the oldest first', () => {
    for (const id of ['a', 'b', 'c', 'd']) cache.put(served(id));
    expect([cache.size, copies.map(isWiped)]).toEqual([3, [true, false, false, false]]);
  });

  it('is overwritten at the end of the process, and none is kept afterwards', () => {
    cache.put(served('a'));
    cache.close();
    cache.put(served('b'));
    expect([copies.map(isWiped), cache.size, clock.pending]).toEqual([[true], 0, 0]);
  });
});

describe('a request', () => {
  it('gets a kept key while every region and the store are down, and for its time only', async () => {
    const service = await new VirtualService().initialise();
    const keys = service.keys(ttlMs);
    const process = service.process(service.records(), keys);
    const request = { id: keyId('orders/1'), mayCreate: true };
    const created = (await process.get(request, patience()))._unsafeUnwrap();
    for (const vault of service.vaults) vault.fails('region.unavailable');
    service.store.instead.find = () => errAsync({ kind: 'store.unavailable' });
    const kept = (await process.get(request, patience()))._unsafeUnwrap();
    expect([kept.key.equals(created.key), kept.created, kept.keyAgeMs]).toEqual([true, false, 0]);
    await service.clock.advance(ttlMs);
    const late = process.get(request, patience());
    await service.clock.advance(60_000);
    expect((await late).isErr()).toBe(true);
  });

  it('keeps no key unless it is asked to', async () => {
    const service = await new VirtualService().initialise();
    const keys = service.keys();
    await service.process(service.records(), keys).get({ id: keyId('a'), mayCreate: true }, patience());
    expect(keys.size).toBe(0);
  });
});
