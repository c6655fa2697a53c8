// No key without permission, and no key without its audit entry (I10).
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import type { GuardedKeys } from '../../../src/application/access/guarded-keys.js';
import type { Permission } from '../../../src/domain/access/caller.js';
import { callerWith } from '../../support/callers.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { hexOf, isWiped, revealed } from '../../support/sample-keys.js';
import {
  auditTimeoutMs,
  minPauseMs,
  maxPauseMs,
  patience,
  VirtualService,
} from '../../support/virtual-service.js';

const id = keyId('orders/7');
const plaintext = randomBytes(32);
const line = { requestId: 'r-1', caller: 'app', method: 'token', action: 'key.get', id } as const;
const timeMs = ManualClock.startMs;

let service: VirtualService;
let guarded: GuardedKeys;
beforeEach(async () => {
  service = await new VirtualService().initialise();
  guarded = service.guarded();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const ask = async (granted: readonly Permission[], signal = patience()): Promise<unknown> => {
  return revealed(await guarded.get({ caller: callerWith(granted), id, requestId: 'r-1' }, signal));
};
const vaultKeysWiped = (): readonly boolean[] =>
  service.vaults.flatMap(({ handedOut }) => handedOut).map(isWiped);

describe('a key that is released', () => {
  it('leaves a line that says who opened what, where, and how many regions hold it (I10)', async () => {
    await service.stored('orders/7', plaintext, service.vaults.slice(1));
    const served = {
      id,
      version: 1,
      key: plaintext.toString('hex'),
      region: 'eu-west-1',
      copies: 2,
      regions: 3,
      created: false,
      attempts: 1,
      hedged: false,
      failover: 'no-copy',
    };
    expect(await ask(['read'])).toEqual(ok(served));
    expect(service.audit.entries).toStrictEqual([
      { ...line, timeMs, outcome: 'opened', version: 1, region: 'eu-west-1', copies: '2/3' },
    ]);
  });

  it('and was made for it leaves a line that says so (I10)', async () => {
    expect(await ask(['read', 'create'])).toMatchObject({ value: { created: true } });
    expect(service.audit.entries).toStrictEqual([
      { ...line, timeMs, outcome: 'created', version: 1, region: 'eu-central-1', copies: '3/3', store: 0 },
    ]);
  });

  it('waits until its line is kept (I10)', async () => {
    await service.stored('orders/7', plaintext);
    service.audit.mode = 'hold';
    let released = false;
    const asked = ask(['read']).then((answer) => {
      released = true;
      return answer;
    });
    await settle();
    expect([service.audit.entries.length, released]).toEqual([1, false]);
    service.audit.release();
    expect(await asked).toMatchObject({ value: { key: plaintext.toString('hex') } });
  });

  it('has an entry for every caller, also when they shared one single-flight call (I10)', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(['read', 'create'])));
    expect(answers).toHaveLength(20);
    expect(service.audit.entries.map(({ outcome }) => outcome)).toEqual(answers.map(() => 'created'));
  });

  it('is nowhere in its line', async () => {
    await service.stored('orders/7', plaintext);
    await ask(['read']);
    const text = JSON.stringify(service.audit.entries);
    for (const form of ['hex', 'base64', 'base64url'] as const)
      expect(text).not.toContain(plaintext.toString(form));
  });
});

describe('a line that cannot be kept', () => {
  it('is audit.unavailable, and the key that was opened is wiped (I10)', async () => {
    await service.stored('orders/7', plaintext);
    service.audit.mode = 'fail';
    expect(await ask(['read'])).toEqual(err({ kind: 'audit.unavailable' }));
    expect(vaultKeysWiped()).toEqual([true]);
  });

  it('is audit.unavailable, and the key that was made is wiped, though it stays stored (I10)', async () => {
    service.audit.mode = 'fail';
    expect(await ask(['read', 'create'])).toEqual(err({ kind: 'audit.unavailable' }));
    expect(vaultKeysWiped()).toEqual([true, true, true, true]);
    expect(service.store.rows.size).toBe(1);
  });

  it('is audit.unavailable for all waiters of a single-flight call, and all their keys are wiped (I10)', async () => {
    await service.stored('orders/7', plaintext);
    service.audit.mode = 'fail';
    const answers = await Promise.all([ask(['read']), ask(['read']), ask(['read'])]);
    expect(answers).toEqual(answers.map(() => err({ kind: 'audit.unavailable' })));
    expect(vaultKeysWiped()).toEqual([true]);
  });

  it('is audit.unavailable when keeping it takes too long, and the key is wiped (I10)', async () => {
    await service.stored('orders/7', plaintext);
    service.audit.mode = 'hold';
    const answer = ask(['read']);
    await service.clock.advance(auditTimeoutMs);
    expect(await answer).toEqual(err({ kind: 'audit.unavailable', cause: 'timed out' }));
    expect(vaultKeysWiped()).toEqual([true]);
  });

  it('outweighs every other failure, a denial included', async () => {
    service.audit.mode = 'fail';
    expect(await ask([])).toEqual(err({ kind: 'audit.unavailable' }));
    expect(await ask(['read'])).toEqual(err({ kind: 'audit.unavailable' }));
  });

  it('because of a bug in the audit log comes out as a rejection, and the key is wiped (I10)', async () => {
    await service.stored('orders/7', plaintext);
    service.audit.mode = 'throw';
    await expect(ask(['read'])).rejects.toMatchObject({ cause: new Error('append has a bug') });
    expect(vaultKeysWiped()).toEqual([true]);
  });
});

describe('a caller without the permission to read', () => {
  it.each([[[]], [['create']]] as const)(
    'and with %j is denied before anything is looked up, and leaves a line',
    async (granted) => {
      await service.stored('orders/7', plaintext);
      expect(await ask(granted)).toEqual(err({ kind: 'access.denied', permission: 'read' }));
      expect([service.store.calls, service.vaultCallCount]).toEqual([[], 0]);
      expect(service.audit.entries).toStrictEqual([{ ...line, timeMs, outcome: 'access.denied' }]);
    },
  );

  it('gets the same answer whether the key exists or not', async () => {
    const absent = await ask([]);
    await service.stored('orders/7', plaintext);
    expect(await ask([])).toEqual(absent);
  });
});

describe('a caller who may read but not create', () => {
  it('gets key.not-found, and no key is created', async () => {
    expect(await ask(['read'])).toEqual(err({ kind: 'key.not-found' }));
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 0]);
    expect(service.audit.entries).toStrictEqual([{ ...line, timeMs, outcome: 'key.not-found' }]);
  });

  it('makes no vault do anything in 10,000 misses', async () => {
    for (let miss = 0; miss < 10_000; miss += 1) await ask(['read']);
    expect([service.vaultCallCount, service.audit.entries.length]).toEqual([0, 10_000]);
  });
});

describe('a request that fails', () => {
  it.each([
    ['region.unavailable', 'regions.exhausted', minPauseMs],
    ['ciphertext.rejected', 'key.unreadable', 0],
    ['credentials.invalid', 'credentials.invalid', 0],
    ['vault.request-invalid', 'vault.request-invalid', 0],
  ] as const)(
    'with %s everywhere leaves a line with its kind, %s, after %d ms, and nothing of its inner text',
    async (kind, outcome, tookMs) => {
      service.clock.random = () => 0;
      await service.stored('orders/7', plaintext);
      for (const vault of service.vaults) vault.fails(kind);
      const asked = ask(['read', 'create']);
      await service.clock.advance(maxPauseMs);
      expect(await asked).toMatchObject({ error: { kind: outcome } });
      expect(service.audit.entries).toStrictEqual([{ ...line, timeMs: timeMs + tookMs, outcome }]);
    },
  );

  it('because its caller left leaves a line, with the time at which it ended', async () => {
    await service.stored('orders/7', plaintext);
    service.vaults[0].fails('hang');
    const caller = new AbortController();
    const asked = ask(['read'], caller.signal);
    await service.clock.advance(299);
    caller.abort();
    expect(await asked).toEqual(err({ kind: 'call.aborted' }));
    expect(service.audit.entries).toStrictEqual([{ ...line, timeMs: timeMs + 299, outcome: 'call.aborted' }]);
  });

  it('because of a bug releases nothing', async () => {
    await service.stored('orders/7', plaintext);
    service.vaults[0].fails('throw');
    await expect(ask(['read'])).rejects.toThrow('a bounded call threw');
    expect(vaultKeysWiped()).toEqual([]);
  });
});

describe('two callers', () => {
  it('get a key each: wiping that of one leaves that of the other', async () => {
    await service.stored('orders/7', plaintext);
    const request = { caller: callerWith(['read']), id, requestId: 'r-1' };
    const [one, two] = await Promise.all([
      guarded.get(request, patience()),
      guarded.get(request, patience()),
    ]);
    one._unsafeUnwrap().key.wipe();
    expect(hexOf(two._unsafeUnwrap().key)).toBe(plaintext.toString('hex'));
  });
});
