// Creation quotas in use: which requests count against whose quota, and what a caller over quota gets.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err } from 'neverthrow';
import type { GuardedKeys } from '../../../src/application/access/guarded-keys.js';
import { CreationQuotas } from '../../../src/application/access/creation-quotas.js';
import { callerWith } from '../../support/callers.js';
import { ManualClock } from '../../support/manual-clock.js';
import { callerId, keyId } from '../../support/names.js';
import { revealed } from '../../support/sample-keys.js';
import { patience, VirtualService } from '../../support/virtual-service.js';

let service: VirtualService;
let guarded: GuardedKeys;
beforeEach(async () => {
  service = await new VirtualService().initialise();
  service.creationLimits = { perSecond: 1, burst: 3, perDay: 5 };
  guarded = service.guarded();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const ask = async (id: string, name = 'app'): Promise<unknown> => {
  const caller = callerWith(['read', 'create'], {}, name);
  return revealed(await guarded.get({ caller, id: keyId(id), requestId: 'r-1' }, patience()));
};
const created = { value: { created: true } };
const opened = { value: { created: false } };
const overQuota = (retryAfterMs: number, limit = 'rate'): unknown =>
  err({ kind: 'creation.over-quota', limit, retryAfterMs });
const generated = (): number =>
  service.vaults.reduce((sum, vault) => sum + vault.count('generateDataKey'), 0);

describe('a caller that has created too many keys', () => {
  beforeEach(async () => {
    for (const id of ['a', 'b', 'c']) expect(await ask(id)).toMatchObject(created);
    for (const vault of service.vaults) vault.calls.length = 0;
  });

  it('gets the time to wait, and no region is called', async () => {
    expect(await ask('d')).toEqual(overQuota(1_000));
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 3]);
    expect(service.audit.entries.at(-1)).toMatchObject({ id: 'd', outcome: 'creation.over-quota' });
  });

  it('still gets existing keys', async () => {
    for (const id of ['a', 'b', 'c', 'a']) expect(await ask(id)).toMatchObject(opened);
  });

  it('may create a key after that time', async () => {
    await ask('d');
    await service.clock.advance(1_000);
    expect([await ask('d'), await ask('e')]).toMatchObject([created, overQuota(1_000)]);
  });

  it('does not use up the quota of another', async () => {
    expect(await ask('d', 'other')).toMatchObject(created);
  });

  it('creates none after the daily limit until 24 hours after the first key', async () => {
    await service.clock.advance(60_000);
    expect([await ask('d'), await ask('e')]).toMatchObject([created, created]);
    expect(await ask('f')).toEqual(overQuota(86_400_000 - 60_000, 'day'));
    await service.clock.advance(86_400_000 - 60_000);
    expect(await ask('f')).toMatchObject(created);
  });
});

describe('a quota', () => {
  it('is not used by existing keys, nor by callers without the permission to create', async () => {
    await service.stored('a', randomBytes(32));
    for (let count = 0; count < 20; count += 1) expect(await ask('a')).toMatchObject(opened);
    const reader = callerWith(['read']);
    for (let count = 0; count < 20; count += 1) {
      const request = { caller: reader, id: keyId('none'), requestId: 'r-1' };
      expect(await guarded.get(request, patience())).toEqual(err({ kind: 'key.not-found' }));
    }
    for (const id of ['b', 'c', 'd']) expect(await ask(id)).toMatchObject(created);
  });

  it('is used once by concurrent requests for the same new key', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('a')));
    expect(answers).toMatchObject(answers.map(() => created));
    expect([await ask('b'), await ask('c'), await ask('d')]).toMatchObject([
      created,
      created,
      overQuota(1_000),
    ]);
  });

  it('that is used up does not fail a concurrent request of another caller for the same key', async () => {
    for (const id of ['a', 'b', 'c']) await ask(id, 'greedy');
    const answers = await Promise.all([ask('d', 'greedy'), ask('d'), ask('d'), ask('d', 'greedy')]);
    expect(answers).toMatchObject([overQuota(1_000), created, created, overQuota(1_000)]);
    expect(generated()).toBe(4);
    expect([await ask('e'), await ask('f'), await ask('g')]).toMatchObject([
      created,
      created,
      overQuota(1_000),
    ]);
  });

  it('is used by a creation that fails for the rate only, and not for the day', async () => {
    for (const vault of service.vaults) vault.script('encrypt', 'vault.misconfigured');
    for (const id of ['a', 'b', 'c']) {
      expect(await ask(id)).toMatchObject({ error: { kind: 'regions.below-quorum' } });
    }
    expect(await ask('d')).toEqual(overQuota(1_000));
    for (const vault of service.vaults) vault.script('encrypt', 'answer');
    await service.clock.advance(60_000);
    for (const id of ['a', 'b', 'c']) expect(await ask(id)).toMatchObject(created);
    await service.clock.advance(60_000);
    expect([await ask('d'), await ask('e')]).toMatchObject([created, created]);
    expect(await ask('f')).toMatchObject({ error: { limit: 'day' } });
  });
});

describe('quotas', () => {
  it('never use the time of day, which may have been a year ahead', () => {
    const quotas = new CreationQuotas(() => ({ perSecond: 1, burst: 1, perDay: 1 }), {
      monotonicMs: () => 5,
    });
    expect([quotas.take(callerId('a')).isOk(), quotas.take(callerId('a'))]).toEqual([
      true,
      overQuota(86_400_000, 'day'),
    ]);
  });

  it('are separate for each caller, with separate limits', () => {
    const limits = (caller: string) => ({ perSecond: 1, burst: caller === 'big' ? 2 : 1, perDay: 9 });
    const quotas = new CreationQuotas(limits, new ManualClock());
    const taken = ['big', 'small', 'big', 'small', 'big'].map((name) => quotas.take(callerId(name)).isOk());
    expect(taken).toEqual([true, true, true, false, false]);
  });
});
