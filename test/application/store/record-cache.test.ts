// The cache of records: known keys are served while the store is down; the store alone says that there is no key, and a
// record that was repaired elsewhere is found.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, okAsync, ResultAsync } from 'neverthrow';
import type { GetDataKey } from '../../../src/application/keys/get-data-key.js';
import type { RecordCache } from '../../../src/application/store/record-cache.js';
import { withCiphertexts, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import { settle } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { revealed } from '../../support/sample-keys.js';
import {
  cacheFreshMs,
  cacheMaxStaleMs,
  maxPauseMs,
  patience,
  storeTimeoutMs,
  VirtualService,
} from '../../support/virtual-service.js';

const id = keyId('orders/7');
const other = keyId('orders/8');
const plaintext = randomBytes(32);
const found = { id, key: plaintext.toString('hex'), created: false, copies: 3 };

let service: VirtualService;
let records: RecordCache;
let keys: GetDataKey;
beforeEach(async () => {
  service = await new VirtualService().initialise();
  records = service.records(2);
  keys = service.process(records);
});

const read = async (asked = id, mayCreate = false): Promise<unknown> =>
  revealed(await keys.get({ id: asked, mayCreate }, patience()));
const storeIsDown = (): void => {
  service.store.instead.find = () => errAsync({ kind: 'store.unavailable' });
};
const silence = (): ResultAsync<never, never> => new ResultAsync(new Promise(() => undefined));
const finds = (): number => service.store.calls.filter((call) => call === 'find').length;

/** The record with a new ciphertext in every region, as after repairs. */
async function repaired(record: KeyRecord): Promise<KeyRecord> {
  const again = await service.recordOf(id, plaintext);
  return withCiphertexts(record, [...again.ciphertexts.values()]);
}

describe('a key that was opened', () => {
  beforeEach(async () => {
    await service.stored(id, plaintext);
    await read();
  });

  it('is read from the cache from then on, which the answer says with the age of the record', async () => {
    await service.clock.advance(4_000);
    expect(await read()).toMatchObject({ value: { ...found, recordAgeMs: 4_000 } });
    expect([finds(), records.reads]).toEqual([1, { fresh: 1, stale: 0, miss: 1 }]);
  });

  it('is served while the store is down, for as long as configured', async () => {
    storeIsDown();
    await service.clock.advance(cacheMaxStaleMs - 1);
    expect(await read()).toMatchObject({ value: { ...found, recordAgeMs: cacheMaxStaleMs - 1 } });
    await service.clock.advance(1);
    expect(await read()).toEqual(err({ kind: 'store.unavailable' }));
  });

  it('is served at once while the store hangs', async () => {
    service.store.instead.find = silence;
    await service.clock.advance(cacheFreshMs);
    expect(await read()).toMatchObject({ value: found });
  });

  it('is read again in the background after five minutes, once', async () => {
    await service.clock.advance(cacheFreshMs);
    expect(await Promise.all([read(), read()])).toMatchObject([{ value: found }, { value: found }]);
    await settle();
    expect(await read()).toMatchObject({ value: { ...found, recordAgeMs: 0 } });
    expect([finds(), records.reads]).toEqual([2, { fresh: 1, stale: 1, miss: 1 }]);
  });

  it('is read again five seconds after the store failed, not with every request', async () => {
    storeIsDown();
    await service.clock.advance(cacheFreshMs);
    for (let request = 0; request < 3; request += 1) {
      await read();
      await settle();
    }
    expect(finds()).toBe(2);
    await service.clock.advance(5_000);
    await read();
    expect(finds()).toBe(3);
  });

  it('is served with the copies of the cache, and reported, when the store has lost its record', async () => {
    service.store.instead.find = () => okAsync(undefined);
    await service.clock.advance(cacheFreshMs);
    await read();
    await settle();
    expect(await read(id, true)).toMatchObject({ value: found });
    expect(service.lost).toEqual([id]);
  });

  it('never becomes another key, whatever the store says later (I1)', async () => {
    const foreign = await service.recordOf(id, randomBytes(32));
    service.store.instead.find = () => okAsync(foreign);
    await service.clock.advance(cacheFreshMs);
    await read();
    await settle();
    expect(await read()).toMatchObject({ value: found });
    expect(service.lost).toEqual([id]);
  });

  it('is opened with the copies of the store when none of the cache opens any more (I3)', async () => {
    const renewed = await repaired(await service.recordOf(id, plaintext));
    service.store.instead.find = () => okAsync(renewed);
    for (const vault of service.vaults) vault.script('decrypt', 'ciphertext.rejected', 'answer');
    expect(await read()).toMatchObject({ value: found });
    expect(await read()).toMatchObject({ value: { ...found, recordAgeMs: 0 } });
  });

  it.each(['ciphertext.rejected', 'region.unavailable'] as const)(
    'fails as without a cache when the store holds the same copies: %s',
    async (kind) => {
      for (const vault of service.vaults) vault.fails(kind);
      const asked = read();
      await service.clock.advance(maxPauseMs);
      const failed = kind === 'region.unavailable' ? 'regions.exhausted' : 'key.unreadable';
      expect(await asked).toMatchObject({ error: { kind: failed } });
      expect(finds()).toBe(2);
    },
  );

  it('fails with the failure of the store when no copy opens and the store cannot say whether it has others', async () => {
    storeIsDown();
    for (const vault of service.vaults) vault.fails('ciphertext.rejected');
    expect(await read()).toEqual(err({ kind: 'store.unavailable' }));
  });

  it('is read again after its repair', async () => {
    records.refresh(id);
    await settle();
    expect(finds()).toBe(2);
  });
});

describe('what is not in the cache', () => {
  it('is never absent for that: with the store down, an unknown id is not "not found"', async () => {
    storeIsDown();
    expect(await read()).toEqual(err({ kind: 'store.unavailable' }));
    expect(await read(id, true)).toEqual(err({ kind: 'store.unavailable' }));
    expect(service.vaultCallCount).toBe(0);
  });

  it('is asked for again every time: a key that another process creates is found at once', async () => {
    expect(await read()).toEqual(err({ kind: 'key.not-found' }));
    await service.stored(id, plaintext);
    expect(await read()).toMatchObject({ value: found });
  });

  it('has no entry when the store answered with the record of another key (I5)', async () => {
    const foreign = await service.recordOf(other, plaintext);
    service.store.instead.find = () => okAsync(foreign);
    expect(await read()).toMatchObject({ error: { kind: 'key.unreadable', reason: 'broken' } });
    expect(records.size).toBe(0);
  });

  it('has no entry when its key failed the commitment (I4)', async () => {
    await service.stored(id, plaintext);
    for (const vault of service.vaults) vault.script('decrypt', 'wrong-key');
    expect(await read()).toMatchObject({ error: { kind: 'key.unreadable' } });
    expect(records.size).toBe(0);
  });
});

it('keeps a new key, and serves it while the store is down', async () => {
  const created = await read(id, true);
  expect(created).toMatchObject({ value: { created: true } });
  storeIsDown();
  expect(await read()).toMatchObject({ value: { created: false, recordAgeMs: 0 } });
});

it('keeps as many records as configured, and forgets the least recently used one', async () => {
  for (const name of ['a', 'b', 'a', 'c']) await read(keyId(name), true);
  storeIsDown();
  expect(records.size).toBe(2);
  expect(await read(keyId('a'))).toMatchObject({ value: { created: false } });
  expect(await read(keyId('b'))).toEqual(err({ kind: 'store.unavailable' }));
});

it('gives back every byte of a record', async () => {
  const record = await service.stored(id, plaintext);
  records.put(record);
  expect(records.get(id)).toMatchObject({ record: { id, version: 1, commitment: record.commitment } });
  const bytes = (from: KeyRecord | undefined): unknown =>
    [...(from?.ciphertexts ?? [])].map(([name, copy]) => [
      name,
      copy.kmsKey,
      Buffer.from(copy.bytes).toString('hex'),
    ]);
  expect(bytes(records.get(id)?.record)).toEqual(bytes(record));
});

it('reads at most sixteen records again at the same time, each within the time limit of the store', async () => {
  records = service.records(100);
  const ids = Array.from({ length: 40 }, (_, at) => keyId(`key-${at}`));
  for (const each of ids) records.put(await service.recordOf(each, plaintext));
  service.store.instead.find = silence;
  await service.clock.advance(cacheFreshMs);
  for (const each of ids) records.get(each);
  expect(finds()).toBe(16);
  await service.clock.advance(storeTimeoutMs);
  for (const each of ids) records.get(each);
  expect(finds()).toBe(32);
});
