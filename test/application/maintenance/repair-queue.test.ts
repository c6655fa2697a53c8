// Background repair: bounded, once per key, within its budget, once its regions are back, and never delaying a read. Time
// is virtual.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { errAsync } from 'neverthrow';
import { RecordChanges } from '../../../src/application/maintenance/record-changes.js';
import { RegionCalls } from '../../../src/application/regions/region-calls.js';
import { RepairBudget } from '../../../src/application/maintenance/repair-budget.js';
import { RepairKey, type KeyRepair } from '../../../src/application/maintenance/repair-key.js';
import { RepairQueue } from '../../../src/application/maintenance/repair-queue.js';
import { UnwrapInAnyRegion } from '../../../src/application/keys/unwrap-in-any-region.js';
import { VerifyKey } from '../../../src/application/maintenance/verify-key.js';
import { firstVersion } from '../../../src/domain/ids.js';
import type { KeyRecord } from '../../../src/domain/keys/key-record.js';
import { keyId, region } from '../../support/names.js';
import { hexOf } from '../../support/sample-keys.js';
import {
  author,
  minPauseMs,
  maxPauseMs,
  ours,
  patience,
  VirtualService,
} from '../../support/virtual-service.js';
import { type RepairDebt } from '../../../src/domain/keys/repair-plan.js';

const stockholm = region('eu-north-1');

let service: VirtualService;
let budget: RepairBudget;
let queue: RepairQueue;
let repairs: KeyRepair[];

function makeQueue(): RepairQueue {
  const { vaults, guide, clock, telemetry, storeCalls, audit } = service;
  const settings = { minPauseMs, maxPauseMs, onCall: budget.spend };
  const calls = new RegionCalls(vaults, guide, clock, telemetry, settings);
  const parts = {
    vaults,
    calls,
    guide,
    telemetry,
    verifying: new VerifyKey(vaults, calls, ours, (at) => guide.isEjected(at)),
    unwrapping: new UnwrapInAnyRegion(calls, ours),
    changes: new RecordChanges(storeCalls, audit, clock, author),
  };
  const repairKey = new RepairKey(parts, { deployment: ours, quorum: 2, dropRemoved: false, dryRun: false });
  const repairing = {
    repair: async (record: KeyRecord, signal: AbortSignal): Promise<KeyRepair> => {
      const repair = await repairKey.repair(record, signal);
      repairs.push(repair);
      return repair;
    },
  };
  return new RepairQueue(storeCalls, repairing, guide, budget, clock, telemetry);
}

beforeEach(async () => {
  service = await new VirtualService().initialise();
  budget = new RepairBudget(service.regions.regions, service.clock);
  queue = makeQueue();
  repairs = [];
});
afterEach(async () => {
  await queue.stop();
  expect(service.clock.pending).toBe(0);
});
const earn = (calls: number): void => {
  for (let call = 0; call < calls; call += 1) for (const at of service.regions.regions) budget.earn(at);
};

const debt = (id = 'orders/7', regions = [stockholm]): RepairDebt => ({
  id: keyId(id),
  version: firstVersion,
  regions,
});
const storedWithout = (id = 'orders/7'): Promise<unknown> =>
  service.stored(id, randomBytes(32), service.vaults.slice(0, 2));
const copiesOf = async (id = 'orders/7'): Promise<number | undefined> =>
  (await service.store.inner.find(keyId(id), firstVersion, patience()))._unsafeUnwrap()?.ciphertexts.size;

describe('a key that lacks a copy', () => {
  it('is repaired in the background', async () => {
    await storedWithout();
    queue.start();
    queue.note(debt());
    expect(queue.waitingKeys).toBe(1);
    await service.clock.advance(100);
    expect(queue.waitingKeys).toBe(0);
    expect(await copiesOf()).toBe(3);
    expect(repairs.map(({ added }) => added)).toEqual([[stockholm]]);
    await queue.stop();
    expect(service.clock.pending).toBe(0);
  });

  it('is queued by the read that opened it, and by the request that created it without all regions', async () => {
    await storedWithout();
    const keys = service.process();
    const read = (await keys.get({ id: keyId('orders/7'), mayCreate: false }, patience()))._unsafeUnwrap();
    service.vaults[2].fails('vault.misconfigured');
    const made = (await keys.get({ id: keyId('orders/8'), mayCreate: true }, patience()))._unsafeUnwrap();
    expect([hexOf(read.key), hexOf(made.key)].map(({ length }) => length)).toEqual([64, 64]);
    expect(service.debts).toEqual([debt(), debt('orders/8')]);
  });

  it('is queued when a copy was rejected; a complete key is not queued', async () => {
    await service.stored('orders/7', randomBytes(32));
    const keys = service.process();
    await keys.get({ id: keyId('orders/7'), mayCreate: false }, patience());
    expect(service.debts).toEqual([]);
    service.vaults[0].script('decrypt', 'ciphertext.rejected');
    await keys.get({ id: keyId('orders/7'), mayCreate: false }, patience());
    expect(service.debts).toEqual([debt('orders/7', [region('eu-central-1')])]);
  });

  it('is repaired once, however many reads find it', async () => {
    await storedWithout();
    service.vaults[2].script('encrypt', 'hold', 'answer');
    queue.start();
    for (let read = 0; read < 50; read += 1) queue.note(debt());
    await service.clock.advance(200);
    for (let read = 0; read < 50; read += 1) queue.note(debt());
    service.vaults[2].release();
    await service.clock.advance(60_000);
    expect([repairs.length, queue.waitingKeys]).toEqual([1, 0]);
  });

  it('is repaired a few seconds after a repair that failed, then after pauses that double', async () => {
    await storedWithout();
    service.vaults[2].script('encrypt', 'vault.misconfigured');
    queue.start();
    queue.note(debt());
    const tried: number[] = [];
    for (const ms of [1_000, 6_000, 11_000, 21_000]) {
      await service.clock.advance(ms);
      tried.push(repairs.length);
    }
    expect(tried).toEqual([1, 2, 3, 4]);
    service.vaults[2].script('encrypt', 'answer');
    await service.clock.advance(41_000);
    expect([await copiesOf(), queue.waitingKeys]).toEqual([3, 0]);
  });

  it('is tried every five minutes while it cannot be repaired', async () => {
    await storedWithout();
    service.vaults[2].script('encrypt', 'vault.misconfigured');
    queue.start();
    queue.note(debt());
    await service.clock.advance(3_600_000);
    const before = repairs.length;
    await service.clock.advance(1_510_000);
    expect(repairs.length - before).toBe(5);
  });

  it('is not tried again when no copy of it opens', async () => {
    await service.stored('orders/7', randomBytes(32));
    for (const vault of service.vaults) vault.script('decrypt', 'ciphertext.rejected');
    queue.start();
    queue.note(debt());
    await service.clock.advance(600_000);
    expect([repairs.length, queue.waitingKeys]).toEqual([1, 0]);
  });

  it('waits for the budget: without requests, about one repair every second', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `key/${n}`);
    for (const id of ids) await storedWithout(id);
    queue.start();
    for (const id of ids) queue.note(debt(id));
    await service.clock.advance(5_000);
    expect(repairs.length).toBeGreaterThanOrEqual(5);
    expect(repairs.length).toBeLessThanOrEqual(12);
  });

  it('is repaired sooner when requests have earned the budget', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) await storedWithout(id);
    queue.start();
    for (const id of ['a', 'b', 'c', 'd', 'e']) queue.note(debt(id));
    earn(100);
    await service.clock.advance(400);
    expect(repairs).toHaveLength(3);
  });
});

describe('while its region is ejected, a key', () => {
  it('waits without a try, and is repaired within two seconds when the region is back', async () => {
    await storedWithout();
    service.guide.ejected.add(stockholm);
    queue.start();
    queue.note(debt());
    await service.clock.advance(3_600_000);
    expect([repairs, queue.waitingKeys]).toEqual([[], 1]);
    service.guide.ejected.clear();
    await service.clock.advance(2_000);
    expect([await copiesOf(), queue.waitingKeys]).toEqual([3, 0]);
  });

  it('that lacks another copy, too, is repaired without a call to the ejected region', async () => {
    await service.stored('orders/7', randomBytes(32), service.vaults.slice(0, 1).concat(service.vaults[2]));
    service.guide.ejected.add(stockholm);
    queue.start();
    queue.note(debt('orders/7', [region('eu-west-1')]));
    await service.clock.advance(1_000);
    expect([await copiesOf(), service.vaults[2].calls, queue.waitingKeys]).toEqual([3, [], 0]);
    expect(repairs).toMatchObject([{ added: ['eu-west-1'], failed: [] }]);
  });

  it('does not delay keys that lack a copy in another region', async () => {
    const dublin = region('eu-west-1');
    await storedWithout('waits');
    await service.stored('next', randomBytes(32), [service.vaults[0], service.vaults[2]]);
    service.guide.ejected.add(stockholm);
    queue.start();
    queue.note(debt('waits'));
    queue.note(debt('next', [dublin]));
    await service.clock.advance(1_000);
    expect([await copiesOf('waits'), await copiesOf('next')]).toEqual([2, 3]);
  });

  it('created while the region was down has all its copies when the region is back, without a read', async () => {
    service.vaults[2].fails('region.unavailable');
    queue.start();
    const keys = service.process();
    (await keys.get({ id: keyId('orders/8'), mayCreate: true }, patience()))._unsafeUnwrap().key.wipe();
    for (const found of service.debts) queue.note(found);
    service.guide.ejected.add(stockholm);
    await service.clock.advance(600_000);
    expect(await copiesOf('orders/8')).toBe(2);
    service.vaults[2].fails('answer');
    service.guide.ejected.clear();
    await service.clock.advance(2_000);
    expect(await copiesOf('orders/8')).toBe(3);
  });
});

describe('the queue', () => {
  it('is bounded, and reports at most once a minute how many keys it dropped', async () => {
    queue.start();
    for (let n = 0; n < 10_003; n += 1) queue.note(debt(`key/${n}`));
    await service.clock.advance(200);
    const dropped = service.telemetry.milestones.filter(({ event }) => event === 'repairs.dropped');
    expect(dropped).toEqual([{ event: 'repairs.dropped', count: 3 }]);
    for (let n = 0; n < 2_000; n += 1) queue.note(debt(`more/${n}`));
    await service.clock.advance(30_000);
    expect(service.telemetry.milestones.filter(({ event }) => event === 'repairs.dropped')).toHaveLength(1);
    await service.clock.advance(30_000);
    expect(service.telemetry.milestones.filter(({ event }) => event === 'repairs.dropped')).toHaveLength(2);
  });

  it('continues after a key that is gone, one that cannot be read, and a bug', async () => {
    for (const id of ['broken', 'down', 'good']) await storedWithout(id);
    const find = service.store.inner.find.bind(service.store.inner);
    service.store.instead = {
      find: (id, ...rest) => {
        if (id === keyId('down')) return errAsync({ kind: 'store.unavailable' });
        if (id === keyId('broken')) throw new Error('find has a bug');
        return find(id, ...rest);
      },
    };
    queue.start();
    for (const id of ['gone', 'broken', 'down', 'good']) queue.note(debt(id));
    earn(500);
    await service.clock.advance(1_000);
    expect(repairs).toHaveLength(1);
    expect(await copiesOf('good')).toBe(3);
    const failed = service.telemetry.milestones.filter(({ event }) => event === 'key.repair-failed');
    expect(failed).toMatchObject([
      { id: 'broken', failure: { kind: 'vault.request-invalid' } },
      { id: 'down', failure: { kind: 'store.unavailable' } },
    ]);
  });

  it('does nothing before it is started, and nothing after it is stopped', async () => {
    await storedWithout();
    queue.note(debt());
    await service.clock.advance(20_000);
    expect(service.vaultCallCount).toBe(0);
    queue.start();
    queue.note(debt());
    await queue.stop();
    await service.clock.advance(20_000);
    queue.note(debt());
    await service.clock.advance(20_000);
    expect([service.vaultCallCount, service.clock.pending]).toEqual([0, 0]);
  });

  it('stopped during a repair makes no further call and writes nothing', async () => {
    await storedWithout();
    service.vaults[0].script('decrypt', 'hold');
    queue.start();
    queue.note(debt());
    await service.clock.advance(100);
    const calls = service.vaultCallCount;
    const stopped = queue.stop();
    service.vaults[0].release();
    await stopped;
    await service.clock.advance(20_000);
    expect([service.vaultCallCount, await copiesOf(), service.clock.pending]).toEqual([calls, 2, 0]);
    expect([service.telemetry.milestones, service.audit.entries]).toEqual([[], []]);
  });
});
