// Asking for a key: found or made, opened, shared among all who ask at once, and the same for ever.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow';
import type { GetDataKey } from '../../../src/application/keys/get-data-key.js';
import type { KeyRepository } from '../../../src/ports/key-repository.js';
import { settle } from '../../support/manual-clock.js';
import { keyId, keyVersion, region } from '../../support/names.js';
import { hexOf, isWiped, revealed } from '../../support/sample-keys.js';
import { ScriptedVault } from '../../support/scripted-vault.js';
import { hedgeAfterMs, maxPauseMs, ours, patience, VirtualService } from '../../support/virtual-service.js';
import { manyRuns } from '../../support/tiers.js';

const id = keyId('orders/7');
const plaintext = randomBytes(32);
const hex = plaintext.toString('hex');
const opened = {
  id,
  version: 1,
  key: hex,
  region: 'eu-central-1',
  copies: 3,
  regions: 3,
  created: false,
  attempts: 1,
  hedged: false,
};

let service: VirtualService;
let keys: GetDataKey;
const genesis = { deployment: ours, createdAtMs: 0 };
beforeEach(async () => {
  service = await new VirtualService().initialise();
  keys = service.process();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const read = async (signal = patience(), asked = id): Promise<unknown> =>
  revealed(await keys.get({ id: asked, mayCreate: false }, signal));
const getOrCreate = async (signal = patience(), asked = id, by = keys): Promise<unknown> =>
  revealed(await by.get({ id: asked, mayCreate: true }, signal));
const count = (operation: 'generateDataKey' | 'encrypt' | 'decrypt'): number =>
  service.vaults.reduce((sum, vault) => sum + vault.count(operation), 0);

/** Lets the store look at once but answer its finds only when told. */
function holdFinds(): () => void {
  const held: (() => void)[] = [];
  service.store.instead.find = (...args: Parameters<KeyRepository['find']>) => {
    const found = service.store.inner.find(...args);
    const told = new Promise<void>((resolve) => held.push(resolve));
    return ResultAsync.fromSafePromise(told).andThen(() => found);
  };
  return () => {
    service.store.instead = {};
    for (const goOn of held) goOn();
  };
}

describe('asking for a key that exists', () => {
  beforeEach(async () => {
    await service.stored('orders/7', plaintext);
  });

  it.each([true, false])('answers it with all its facts (may create: %j)', async (mayCreate) => {
    const answer = await keys.get({ id, mayCreate }, patience());
    expect(revealed(answer)).toEqual(ok(opened));
    expect([service.store.calls, count('generateDataKey'), count('encrypt')]).toEqual([
      mayCreate ? ['genesis', 'find'] : ['find'],
      0,
      0,
    ]);
  });

  it('writes nothing, also when regions fail and answer wrongly (I9)', async () => {
    const before = structuredClone(service.store.rows);
    service.vaults[0].fails('region.unavailable');
    service.vaults[1].script('decrypt', 'wrong-key');
    expect(await getOrCreate()).toEqual(
      ok({ ...opened, region: 'eu-north-1', attempts: 3, failover: 'failed' }),
    );
    for (const vault of service.vaults) vault.fails('ciphertext.rejected');
    expect(await getOrCreate()).toMatchObject({ error: { kind: 'key.unreadable' } });
    expect(service.store.calls).toEqual(['genesis', 'find', 'find']);
    expect(service.store.rows).toEqual(before);
  });

  it('never makes a second one, whatever the regions say about the first (I1)', async () => {
    for (const kind of ['ciphertext.rejected', 'region.unavailable', 'vault.misconfigured'] as const) {
      for (const vault of service.vaults) vault.script('decrypt', kind);
      const asked = getOrCreate();
      await service.clock.advance(maxPauseMs);
      expect(await asked).toMatchObject({ error: {} });
    }
    expect([count('generateDataKey'), service.store.rows.size]).toEqual([0, 1]);
  });

  it('gives 100 callers at once one decryption and a key each, to be wiped on its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => keys.get({ id, mayCreate: false }, patience())),
    );
    expect(answers.map(revealed)).toEqual(answers.map(() => ok(opened)));
    expect([count('decrypt'), service.store.calls]).toEqual([1, ['find']]);
    const served = answers.map((answer) => answer._unsafeUnwrap().key);
    for (const [index, key] of served.entries()) {
      expect(hexOf(key)).toBe(hex);
      key.wipe();
      expect(served.map(isWiped)).toEqual(served.map((_, other) => other <= index));
    }
  });

  it('looks and opens anew for a caller who comes after the others are served', async () => {
    await read();
    await read();
    expect([count('decrypt'), service.store.calls]).toEqual([2, ['find', 'find']]);
  });
});

describe('the reported copies', () => {
  it('counts the configured regions that hold the key, not those of former times', async () => {
    const retired = new ScriptedVault(region('us-east-1'));
    await service.stored('orders/7', plaintext, [retired, service.vaults[1]]);
    const found = { ...opened, region: 'eu-west-1', copies: 1, regions: 3, failover: 'no-copy' };
    expect(await read()).toEqual(ok(found));
  });

  it('counts those of a new key', async () => {
    service.vaults[0].fails('region.unavailable');
    const created = { region: 'eu-west-1', copies: 2, regions: 3, created: true, attempts: 2, genesis };
    expect(await getOrCreate()).toMatchObject({ value: created });
  });
});

describe('asking for a key that does not exist', () => {
  it('is key.not-found without the permission to create, and no vault is called', async () => {
    expect(await read()).toEqual(err({ kind: 'key.not-found' }));
    expect([service.vaultCallCount, service.store.calls, service.store.rows.size]).toEqual([0, ['find'], 0]);
  });

  it('makes it with the permission, and from then on answers the same key (I1)', async () => {
    const first = await keys.get({ id, mayCreate: true }, patience());
    const key = first.map((served) => hexOf(served.key))._unsafeUnwrap();
    expect(revealed(first)).toEqual(ok({ ...opened, key, created: true, genesis }));
    const again = ok({ ...opened, key });
    expect([await getOrCreate(), await read(), await getOrCreate(patience(), id, service.process())]).toEqual(
      [again, again, again],
    );
    expect(count('generateDataKey')).toBe(1);
  });

  it('makes exactly one for 100 callers at once, each with a key of their own (I1)', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => keys.get({ id, mayCreate: true }, patience())),
    );
    expect([count('generateDataKey'), count('encrypt'), service.store.rows.size]).toEqual([1, 3, 1]);
    const key = answers[0]?.map((served) => hexOf(served.key)).unwrapOr('none') ?? 'none';
    expect(answers.map(revealed)).toEqual(answers.map(() => ok({ ...opened, key, created: true, genesis })));
    const served = answers.map((answer) => answer._unsafeUnwrap().key);
    expect(new Set(served).size).toBe(100);
    for (const one of served.slice(1)) one.wipe();
    expect(served.map(isWiped)).toEqual(served.map((_, index) => index > 0));
  });

  it('makes one key for each id, and each answers for its own', async () => {
    const ids = ['a', 'b', 'c', 'a/b', 'A'].map(keyId);
    const answers = await Promise.all(
      ids.map((asked) => keys.get({ id: asked, mayCreate: true }, patience())),
    );
    expect(answers.map((answer) => answer.map((served) => served.id))).toEqual(ids.map((asked) => ok(asked)));
    expect(new Set(answers.map((answer) => hexOf(answer._unsafeUnwrap().key))).size).toBe(ids.length);
  });

  it('fails and makes none when the store is not ours (I7)', async () => {
    service.store.instead.genesis = () => okAsync(undefined);
    expect(await getOrCreate()).toMatchObject({ error: { kind: 'store.foreign' } });
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 0]);
  });
});

describe('several processes that ask at once for an id that has no key', () => {
  it('all get the same one, which is the one that is stored (I1)', async () => {
    const others = Array.from({ length: 8 }, () => service.process());
    const answers = await Promise.all(
      others.flatMap((process) => [0, 1, 2].map(() => process.get({ id, mayCreate: true }, patience()))),
    );
    const stored = await keys.get({ id, mayCreate: false }, patience());
    const hexes = answers.map((answer) => answer.map((served) => hexOf(served.key)));
    expect(hexes).toEqual(answers.map(() => stored.map((served) => hexOf(served.key))));
    expect(count('generateDataKey')).toBe(8);
    expect(service.store.rows.size).toBe(1);
    const created = answers.filter((answer) => answer.map((served) => served.created).unwrapOr(false));
    expect(created).toHaveLength(3);
    expect(service.telemetry.milestones).toHaveLength(1);
  });

  it('leave no other plaintext alive than those that were served', async () => {
    const [one, two] = [service.process(), service.process()];
    const answers = await Promise.all(
      [one, two].map((process) => process.get({ id, mayCreate: true }, patience())),
    );
    const served = new Set(answers.map((answer) => answer._unsafeUnwrap().key));
    const rest = service.vaults.flatMap(({ handedOut }) => handedOut).filter((key) => !served.has(key));
    expect(rest.map(isWiped)).toEqual(rest.map(() => true));
  });

  it('agree whatever fails meanwhile: every key that is released is the stored one (I1, I2)', async () => {
    const steps = fc.constantFrom(
      'answer',
      'answer',
      'answer',
      'region.unavailable',
      'wrong-key',
      'hang',
      'ciphertext.rejected' as const,
    );
    const scripts = fc.array(fc.record({ encrypt: steps, decrypt: steps, generateDataKey: steps }), {
      minLength: 3,
      maxLength: 3,
    });
    const outcome = fc.constantFrom('done', 'done, unheard', 'lost' as const);
    await fc.assert(
      fc.asyncProperty(
        scripts,
        fc.array(outcome, { minLength: 3, maxLength: 3 }),
        async (perVault, outcomes) => {
          const world = await new VirtualService().initialise();
          for (const [index, script] of perVault.entries()) {
            const vault = world.vaults[index];
            vault
              ?.script('encrypt', script.encrypt)
              .script('decrypt', script.decrypt, script.decrypt, 'answer');
            vault?.script(
              'generateDataKey',
              script.generateDataKey === 'wrong-key' ? 'answer' : script.generateDataKey,
            );
          }
          const remaining = [...outcomes];
          world.store.instead.insert = (record, signal) => {
            const unknown = errAsync({ kind: 'store.outcome-unknown' } as const);
            const next = remaining.shift();
            if (next === 'lost') return unknown;
            const inserted = world.store.inner.insert(record, signal);
            return next === 'done' ? inserted : inserted.andThen(() => unknown);
          };
          const asking = outcomes.map(() => world.process().get({ id, mayCreate: true }, patience()));
          await world.clock.advance(60_000);
          const answers = await Promise.all(asking);
          const released = answers.flatMap((answer) => answer.map((served) => [served]).unwrapOr([]));
          const record = (await world.store.inner.find(id, keyVersion(1), patience()))._unsafeUnwrap();
          for (const { key, copies } of released) {
            expect(record && key.isCommittedBy(record.commitment, id, keyVersion(1))).toBe(true);
            expect(copies).toBeGreaterThanOrEqual(2);
          }
          expect(world.clock.pending).toBe(0);
        },
      ),
      { numRuns: manyRuns(150) },
    );
  });
});

describe('callers who leave', () => {
  it('do not disturb the others', async () => {
    service.vaults[0].script('generateDataKey', 'hold');
    const leavers = Array.from({ length: 5 }, () => new AbortController());
    const left = leavers.map((leaver) => getOrCreate(leaver.signal));
    const staying = [getOrCreate(), getOrCreate()];
    await settle();
    for (const leaver of leavers) leaver.abort();
    expect(await Promise.all(left)).toEqual(left.map(() => err({ kind: 'call.aborted' })));
    service.vaults[0].release();
    expect(await Promise.all(staying)).toMatchObject([
      { value: { created: true } },
      { value: { created: true } },
    ]);
    expect(count('generateDataKey')).toBe(1);
  });

  it('abort the work with the last of them, and what comes late is wiped', async () => {
    service.vaults[0].script('generateDataKey', 'hold');
    const leavers = [new AbortController(), new AbortController()];
    const left = leavers.map((leaver) => getOrCreate(leaver.signal));
    await settle();
    const aborted = (): unknown => service.vaults[0].signals.map((signal) => signal.aborted);
    leavers[0]?.abort();
    expect(aborted()).toEqual([false]);
    leavers[1]?.abort();
    expect(aborted()).toEqual([true]);
    service.vaults[0].release();
    await settle();
    expect(await Promise.all(left)).toEqual(left.map(() => err({ kind: 'call.aborted' })));
    expect(service.vaults[0].handedOut.map(isWiped)).toEqual([true]);
    expect(service.store.rows.size).toBe(0);
  });

  it.each([
    ['opened', 'decrypt'],
    ['made', 'generateDataKey'],
  ] as const)('at whatever step of the answer leave no key behind that was just %s', async (_, operation) => {
    const ends = new Set<string>();
    for (let step = 0; step < 150; step += 1) {
      service = await new VirtualService().initialise();
      if (operation === 'decrypt') await service.stored('orders/7', plaintext);
      const [vault] = service.vaults;
      vault.script(operation, 'hold', 'answer');
      const leaver = new AbortController();
      const asked = service.process().get({ id, mayCreate: true }, leaver.signal);
      await settle();
      vault.release();
      for (let turn = 0; turn < step; turn += 1) await Promise.resolve();
      leaver.abort();
      await settle();
      const served = (await asked).map(({ key }) => key);
      ends.add(served.isOk() ? 'served' : served.error.kind);
      const left = service.vaults.flatMap(({ handedOut }) => handedOut).filter((key) => !isWiped(key));
      expect(left.map(hexOf)).toEqual(served.isOk() ? [hexOf(served.value)] : []);
    }
    expect(ends).toEqual(new Set(['call.aborted', 'served']));
  });

  it.each(['the first', 'the last'])(
    'at whatever step of two answers at once leave no key behind (%s opened it first)',
    async (first) => {
      const ends = new Set<string>();
      for (let step = 0; step < 150; step += 1) {
        service = await new VirtualService().initialise();
        await service.stored('orders/7', plaintext);
        const [one, two] = service.vaults;
        for (const vault of [one, two]) vault.script('decrypt', 'hold');
        const leaver = new AbortController();
        const asked = service.process().get({ id, mayCreate: false }, leaver.signal);
        await service.clock.advance(hedgeAfterMs);
        for (const vault of first === 'the first' ? [one, two] : [two, one]) vault.release();
        for (let turn = 0; turn < step; turn += 1) await Promise.resolve();
        leaver.abort();
        await settle();
        const served = (await asked).map(({ key }) => key);
        ends.add(served.isOk() ? 'served' : served.error.kind);
        const left = service.vaults.flatMap(({ handedOut }) => handedOut).filter((key) => !isWiped(key));
        expect(left.map(hexOf)).toEqual(served.isOk() ? [hexOf(served.value)] : []);
        expect(service.clock.pending).toBe(0);
      }
      expect(ends).toEqual(new Set(['call.aborted', 'served']));
    },
  );

  it('do not keep those who come afterwards from making the key', async () => {
    service.vaults[0].script('generateDataKey', 'hang', 'answer');
    const leaver = new AbortController();
    const left = getOrCreate(leaver.signal);
    await settle();
    leaver.abort();
    expect(await getOrCreate()).toMatchObject({ value: { created: true } });
    expect(await left).toEqual(err({ kind: 'call.aborted' }));
  });
});

describe('a reader who comes late to a look-up that finds nothing', () => {
  it('asks again and finds the key that was made meanwhile', async () => {
    const answerFinds = holdFinds();
    const early = read();
    await settle();
    await service.stored('orders/7', plaintext);
    const late = read();
    answerFinds();
    expect(await Promise.all([early, late])).toEqual([err({ kind: 'key.not-found' }), ok(opened)]);
    expect(service.store.calls).toEqual(['find', 'find']);
  });

  it('reads once more only, and fails when there is still none', async () => {
    const answerFinds = holdFinds();
    const all = [read(), read(), read()];
    await settle();
    answerFinds();
    expect(await Promise.all(all)).toEqual(all.map(() => err({ kind: 'key.not-found' })));
    expect(service.store.calls).toEqual(['find', 'find']);
  });

  it('fails with any other failure as it is, without reading again', async () => {
    service.store.instead.find = () => errAsync({ kind: 'store.throttled' });
    expect(await Promise.all([read(), read()])).toEqual([
      err({ kind: 'store.throttled' }),
      err({ kind: 'store.throttled' }),
    ]);
    expect(service.store.calls).toEqual(['find']);
  });
});

describe('readers and creators of one id', () => {
  it('share nothing: the creator gets a key although the reader, who was first, gets key.not-found', async () => {
    const answerFinds = holdFinds();
    const [reader, creator] = [read(), getOrCreate()];
    await settle();
    answerFinds();
    expect(await reader).toEqual(err({ kind: 'key.not-found' }));
    expect(await creator).toMatchObject({ value: { created: true } });
  });

  it('do not ride together: a reader never hears the failures of a creation', async () => {
    for (const vault of service.vaults) vault.fails('region.unavailable');
    const [creator, reader] = [getOrCreate(), read()];
    await service.clock.advance(maxPauseMs);
    expect(await creator).toMatchObject({ error: { kind: 'regions.below-quorum' } });
    expect(await reader).toEqual(err({ kind: 'key.not-found' }));
  });
});

describe('a store that fails or is wrong', () => {
  it.each([
    { kind: 'store.unavailable' },
    { kind: 'store.throttled' },
    { kind: 'key.unreadable', reason: 'newer-format', detail: 'format 2' },
  ] as const)('with $kind is never taken for an absence (I7)', async (failure) => {
    service.store.instead.find = () => errAsync(failure);
    expect(await getOrCreate()).toEqual(err(failure));
    expect([service.vaultCallCount, service.store.calls]).toEqual([0, ['genesis', 'find']]);
  });

  it('and answers with the record of another id has it refused, unopened (I5)', async () => {
    const other = await service.recordOf('orders/8', plaintext);
    service.store.instead.find = () => okAsync(other);
    const refusal = { kind: 'key.unreadable', reason: 'broken', detail: 'record of another key' };
    expect(await getOrCreate()).toEqual(err(refusal));
    expect(service.vaultCallCount).toBe(0);
  });

  it('and answers with the record of another version has it refused, unopened (I5)', async () => {
    const other = await service.recordOf('orders/7', plaintext, service.vaults, keyVersion(2));
    service.store.instead.find = () => okAsync(other);
    expect(await getOrCreate()).toMatchObject({ error: { kind: 'key.unreadable', reason: 'broken' } });
    expect(service.vaultCallCount).toBe(0);
  });
});
