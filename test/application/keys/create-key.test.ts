// Making a key: only in a store that is ours, only with the quorum, and only the store says which key it became.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import { genesisHoldsMs } from '../../../src/application/keys/genesis-check.js';
import { CreateKey, type CreateFailure, type StoredKey } from '../../../src/application/keys/create-key.js';
import type { DataKey } from '../../../src/domain/keys/data-key.js';
import { encryptionContext, generationContext } from '../../../src/domain/keys/encryption-context.js';
import type { StoreWriteFailure } from '../../../src/domain/failures/store-failures.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../../src/domain/keys/regional-ciphertext.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { deployment, keyId, region } from '../../support/names.js';
import { hexOf, isWiped, keyOf } from '../../support/sample-keys.js';
import { timedOut, vaultFailures, type VaultFailureKind } from '../../support/vault-failures.js';
import {
  attemptTimeoutMs,
  hedgeAfterMs,
  maxPauseMs,
  ours,
  patience,
  storeTimeoutMs,
  VirtualService,
} from '../../support/virtual-service.js';

const id = keyId('orders/7');
const name = { deployment: ours, id, version: firstVersion };
const row = 'orders/7 1';
const [frankfurt, dublin, stockholm] = ['eu-central-1', 'eu-west-1', 'eu-north-1'];

let service: VirtualService;
beforeEach(async () => {
  service = await new VirtualService().initialise();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

type Settled = Result<StoredKey, CreateFailure>;
const create = (signal = patience()): PromiseLike<Settled> => service.creation.create(id, signal);
/** The store's record and, if it is of our making, our key in hex. */
const seen = (settled: Settled): unknown =>
  settled.map(({ record, own }) => ({ record, own: own && { key: hexOf(own.key), region: own.region } }));
const handedOut = (): readonly DataKey[] => service.vaults.flatMap((vault) => vault.handedOut);
const allWiped = (): boolean => handedOut().every(isWiped);
const stored = async (): Promise<KeyRecord | undefined> =>
  (await service.store.inner.find(id, firstVersion, patience()))._unsafeUnwrap();
const generated = (vault = 0): DataKey | undefined => service.vaults[vault]?.handedOut[0];

describe('creating a key', () => {
  it('answers the key and the record that the store holds, with the time of its creation', async () => {
    await service.clock.advance(1_234);
    const settled = await create();
    const record = await stored();
    const key = generated();
    expect(seen(settled)).toEqual(ok({ record, own: { key: key && hexOf(key), region: frankfurt } }));
    expect(record).toMatchObject({ id, version: 1, revision: 1, createdAtMs: ManualClock.startMs + 1_234 });
    expect(record?.commitment).toBe(key?.commitmentFor(id, firstVersion));
    expect([...(record?.ciphertexts.keys() ?? [])]).toEqual([frankfurt, dublin, stockholm]);
  });

  it('does not take a generated key of another length', async () => {
    const [first] = service.vaults;
    const generate = first.generateDataKey.bind(first);
    first.generateDataKey = (_length, context, signal) => generate(64, context, signal);
    const settled = await create();
    expect(settled.map(({ own }) => own?.region)).toEqual(ok(dublin));
    expect(settled.map(({ own }) => own?.key.length)).toEqual(ok(32));
    expect([generated()].map((key) => key && isWiped(key))).toEqual([true]);
  });

  it('mixes local randomness into it: a region that generates zeros makes no predictable key', async () => {
    const [first] = service.vaults;
    first.generateDataKey = () => okAsync(keyOf(Buffer.alloc(32)));
    const local = randomBytes(32);
    const { regions, wrapping, storeCalls, clock, telemetry } = service;
    const localRandom = () => Uint8Array.from(local);
    const settings = { quorum: 2, deployment: ours, keyLength: 32, localRandom } as const;
    const creation = new CreateKey(regions, wrapping, storeCalls, clock, telemetry, settings);
    const settled = await creation.create(id, patience());
    expect(settled.map(({ own }) => own && hexOf(own.key))).toEqual(ok(local.toString('hex')));
    expect((await stored())?.commitment).toBe(keyOf(Buffer.from(local)).commitmentFor(id, firstVersion));
  });

  it('makes a key of the configured length', async () => {
    expect((await create()).map(({ own }) => own?.key.length)).toEqual(ok(32));
  });

  it('reads the genesis record and writes once; a successful write is not read back', async () => {
    await create();
    expect(service.store.calls).toEqual(['genesis', 'insert']);
  });

  it('generates in one region and wraps in all, each with the context that is due', async () => {
    const settled = await create();
    const commitment = settled._unsafeUnwrap().record.commitment;
    const wrapping = ['encrypt', 'decrypt'].map((operation) => ({
      operation,
      context: encryptionContext(name, commitment),
    }));
    expect(service.vaults.map(({ calls }) => calls)).toStrictEqual([
      [{ operation: 'generateDataKey', context: generationContext(name) }, ...wrapping],
      wrapping,
      wrapping,
    ]);
  });

  it('stores ciphertexts that each open to the key (I2)', async () => {
    const { record, own } = (await create())._unsafeUnwrap();
    for (const vault of service.vaults) {
      for (const other of service.vaults) other.fails(other === vault ? 'answer' : 'region.unavailable');
      const opened = await service.unwrapping.open(record, patience());
      expect(opened.map(({ key }) => hexOf(key))).toEqual(ok(own && hexOf(own.key)));
    }
  });

  it('keeps the answered key alive and wipes everything that was read back', async () => {
    const { own } = (await create())._unsafeUnwrap();
    expect(handedOut().map((key) => key === own?.key || isWiped(key))).toEqual([true, true, true, true]);
    expect(own && isWiped(own.key)).toBe(false);
  });

  it('reports the new key to telemetry', async () => {
    await create();
    expect(service.telemetry.milestones).toStrictEqual([{ event: 'key.created', id, missing: [] }]);
  });
});

describe('a store that is not ours', () => {
  it.each([
    ['without a genesis record', undefined],
    ["with another deployment's", deployment('other')],
  ])('refuses creation before any vault is called: %s (I7)', async (_, found) => {
    service = new VirtualService();
    if (found !== undefined) await service.initialise(found);
    expect(await create()).toStrictEqual(err({ kind: 'store.foreign', expected: ours, found }));
    expect([service.vaultCallCount, service.store.calls, service.store.rows.size]).toEqual([
      0,
      ['genesis'],
      0,
    ]);
  });

  it('that is written elsewhere refuses creation before any vault is called (I1)', async () => {
    service = new VirtualService();
    const [found, expected] = [region('us-east-1'), region('us-west-2')];
    const genesis = { deployment: ours, createdAtMs: 0, writes: found };
    await service.store.inner.initialise(genesis, patience());
    const { regions, wrapping, storeCalls, clock, telemetry } = service;
    const localRandom = (length: number) => new Uint8Array(length);
    const settings = { quorum: 2, deployment: ours, keyLength: 32, localRandom, writes: expected } as const;
    const creation = new CreateKey(regions, wrapping, storeCalls, clock, telemetry, settings);
    const refused = err({ kind: 'store.written-elsewhere', expected, found });
    expect(await creation.create(keyId('orders/7'), patience())).toStrictEqual(refused);
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 0]);
  });

  it('or cannot be read refuses creation before any vault is called (I7)', async () => {
    service.store.instead.genesis = () => errAsync({ kind: 'store.throttled' });
    expect(await create()).toEqual(err({ kind: 'store.throttled' }));
    service.store.instead.genesis = () => new ResultAsync(new Promise(() => undefined));
    const settled = create();
    await service.clock.advance(storeTimeoutMs);
    expect(await settled).toEqual(err({ kind: 'store.unavailable', reason: 'timed-out' }));
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 0]);
  });

  it('is noticed within a second: the genesis record is read again at every creation after that (I7)', async () => {
    await create();
    service.store.instead.genesis = () => okAsync(undefined);
    const again = (): PromiseLike<Settled> => service.creation.create(keyId('orders/8'), patience());
    await service.clock.advance(genesisHoldsMs);
    const foreign = err({ kind: 'store.foreign', expected: ours, found: undefined });
    expect([await again(), await again()]).toStrictEqual([foreign, foreign]);
    expect(service.store.rows.size).toBe(1);
    expect(service.store.calls).toEqual(['genesis', 'insert', 'genesis', 'genesis']);
  });

  it('is checked once for all creations of a second', async () => {
    await Promise.all(['a', 'b'].map((name) => service.creation.create(keyId(name), patience())));
    await create();
    expect(service.store.calls.filter((call) => call === 'genesis')).toHaveLength(1);
  });

  it('is checked for the others when the caller whose creation began the check leaves', async () => {
    const told: (() => void)[] = [];
    const held = new Promise<void>((resolve) => told.push(resolve));
    service.store.instead.genesis = (signal) =>
      ResultAsync.fromSafePromise(held).andThen(() => service.store.inner.genesis(signal));
    const leaver = new AbortController();
    const [left, stays] = [create(leaver.signal), service.creation.create(keyId('orders/8'), patience())];
    leaver.abort();
    told[0]?.();
    expect([await left, (await stays).isOk()]).toEqual([err({ kind: 'call.aborted' }), true]);
  });
});

describe('generating', () => {
  it.each(['region.unavailable', 'hang', 'credentials.invalid', 'vault.misconfigured'] as const)(
    'falls over to the next region after %s',
    async (step) => {
      service.vaults[0].script('generateDataKey', step);
      service.vaults[1].script('generateDataKey', step);
      const settled = create();
      await service.clock.advance(2 * attemptTimeoutMs);
      expect((await settled).map(({ own }) => own?.region)).toEqual(ok(stockholm));
    },
  );

  const attempts = (kind: VaultFailureKind, count: number): readonly unknown[] =>
    service.vaults.slice(0, count).map(({ region }) => ({ region, failure: vaultFailures[kind] }));

  it.each([
    ['region.unavailable', 3, 2],
    ['credentials.invalid', 3, 1],
    ['vault.request-invalid', 1, 1],
  ] as const)(
    'that fails everywhere with %s is below the quorum, after %d attempts, %d time(s)',
    async (kind, count, passes) => {
      for (const vault of service.vaults) vault.script('generateDataKey', kind);
      const all = Array.from({ length: passes }, () => attempts(kind, count)).flat();
      const failure = { kind: 'regions.below-quorum', proven: 0, quorum: 2, attempts: all };
      const settled = create();
      await service.clock.advance(maxPauseMs);
      expect(await settled).toEqual(err(failure));
      expect(service.telemetry.milestones).toEqual([{ event: 'key.creation-refused', id, failure }]);
      expect([service.store.calls, service.store.rows.size]).toEqual([['genesis'], 0]);
    },
  );

  it('for a caller who leaves ends as call.aborted, and the key that comes late is wiped', async () => {
    service.vaults[0].script('generateDataKey', 'hold');
    const caller = new AbortController();
    const settled = create(caller.signal);
    await settle();
    caller.abort();
    service.vaults[0].release();
    await settle();
    expect(await settled).toEqual(err({ kind: 'call.aborted' }));
    expect(handedOut().map(isWiped)).toEqual([true]);
    expect([service.store.calls, service.telemetry.milestones]).toEqual([['genesis'], []]);
  });
});

describe('two regions that both generate a key', () => {
  it.each([
    ['the first', 'eu-central-1'],
    ['the last', 'eu-west-1'],
  ])(
    'leave one key alive, that of the winner; nothing else is stored (%s answers first)',
    async (order, winner) => {
      const [one, two] = service.vaults;
      for (const vault of [one, two]) vault.script('generateDataKey', 'hold');
      const settled = create();
      await service.clock.advance(hedgeAfterMs);
      for (const vault of order === 'the first' ? [one, two] : [two, one]) vault.release();
      const { own } = (await settled)._unsafeUnwrap();
      await settle();
      expect(own?.region).toBe(winner);
      expect([one, two].map((vault) => vault.count('generateDataKey'))).toEqual([1, 1]);
      expect(handedOut().filter((key) => !isWiped(key))).toHaveLength(1);
      expect(own && isWiped(own.key)).toBe(false);
      expect((await stored())?.commitment).toBe(own?.key.commitmentFor(id, firstVersion));
    },
  );
});

describe('the quorum', () => {
  it.each([
    ['encrypt', 'region.unavailable'],
    ['encrypt', 'hang'],
    ['decrypt', 'region.throttled'],
    ['decrypt', 'hang'],
    ['decrypt', 'wrong-key'],
    ['decrypt', 'ciphertext.rejected'],
  ] as const)(
    'is kept with one region that fails at %s by %s: two ciphertexts, and telemetry names the third (I2)',
    async (operation, step) => {
      service.vaults[2].script(operation, step);
      const settled = create();
      await service.clock.advance(attemptTimeoutMs);
      expect((await settled).map(({ own }) => own?.region)).toEqual(ok(frankfurt));
      expect([...((await stored())?.ciphertexts.keys() ?? [])]).toEqual([frankfurt, dublin]);
      expect(service.telemetry.milestones).toStrictEqual([
        { event: 'key.created', id, missing: [stockholm] },
      ]);
    },
  );

  it.each([
    ['encrypt', 'region.unavailable', vaultFailures['region.unavailable']],
    ['encrypt', 'hang', timedOut],
    ['decrypt', 'region.untrusted', vaultFailures['region.untrusted']],
    ['decrypt', 'wrong-key', { kind: 'ciphertext.mismatched', reason: 'read-back' }],
  ] as const)(
    'is missed with two that fail at %s by %s: nothing is stored, and the key is wiped (I2)',
    async (operation, step, failure) => {
      service.vaults[0].script(operation, step);
      service.vaults[2].script(operation, step);
      const settled = create();
      await service.clock.advance(attemptTimeoutMs);
      const attempts = [frankfurt, stockholm].map((region) => ({ region, failure }));
      const refusal = { kind: 'regions.below-quorum', proven: 1, quorum: 2, attempts };
      expect(await settled).toEqual(err(refusal));
      expect([service.store.calls, service.store.rows.size]).toEqual([['genesis'], 0]);
      expect(service.telemetry.milestones).toEqual([{ event: 'key.creation-refused', id, failure: refusal }]);
      expect(allWiped()).toBe(true);
    },
  );
});

describe('a write whose outcome is unknown', () => {
  const unknown: StoreWriteFailure = { kind: 'store.outcome-unknown' };
  const silence = (): ResultAsync<never, never> => new ResultAsync(new Promise(() => undefined));

  /** The write happens, and its answer is lost. */
  const loseAnswer = (answer: () => ResultAsync<KeyRecord, StoreWriteFailure>): void => {
    const { inner, instead } = service.store;
    instead.insert = (record, signal) => inner.insert(record, signal).andThen(answer);
  };

  it.each([
    ['the store says so', () => errAsync(unknown)],
    ['the store says nothing', silence],
  ])('but which happened is settled by reading: the key is ours (%s; I8)', async (_, answer) => {
    loseAnswer(answer);
    const settled = create();
    await service.clock.advance(storeTimeoutMs);
    const key = generated();
    expect(seen(await settled)).toEqual(
      ok({ record: await stored(), own: { key: key && hexOf(key), region: frankfurt } }),
    );
    expect(service.telemetry.milestones).toStrictEqual([{ event: 'key.created', id, missing: [] }]);
  });

  it.each([
    ['the store says so', () => errAsync(unknown), unknown],
    ['the store says nothing', silence, { ...unknown, reason: 'timed-out' }],
  ])('and which did not happen stays unknown (%s; I8)', async (_, insert, failure) => {
    service.store.instead.insert = insert;
    const settled = create();
    await service.clock.advance(storeTimeoutMs);
    expect(await settled).toEqual(err(failure));
    expect([allWiped(), service.telemetry.milestones]).toEqual([true, []]);
  });

  it("returns the winner's key when another process was first (I1)", async () => {
    const winner = await service.stored('orders/7', randomBytes(32));
    service.store.instead.insert = () => errAsync(unknown);
    expect(await create()).toEqual(ok({ record: winner }));
    expect([allWiped(), service.telemetry.milestones]).toEqual([true, []]);
  });

  it.each([
    ['fails', () => errAsync({ kind: 'store.unavailable' } as const), { kind: 'store.unavailable' }],
    ['says nothing', silence, { kind: 'store.unavailable', reason: 'timed-out' }],
  ])('stays unknown when the reading afterwards %s (I8)', async (_, find, cause) => {
    loseAnswer(() => errAsync(unknown));
    service.store.instead.find = find;
    const settled = create();
    await service.clock.advance(storeTimeoutMs);
    expect(await settled).toEqual(err({ ...unknown, cause }));
    expect([service.store.rows.size, allWiped(), service.telemetry.milestones]).toEqual([1, true, []]);
  });

  it('is that of a write which another record answered, when there is none afterwards (I8)', async () => {
    const third = await service.recordOf('orders/7', randomBytes(32));
    service.store.instead.insert = () => okAsync(third);
    expect(await create()).toEqual(err(unknown));
    expect([allWiped(), service.telemetry.milestones]).toEqual([true, []]);
  });

  it('is that of one during which the caller left (I8)', async () => {
    const caller = new AbortController();
    service.store.instead.insert = silence;
    const settled = create(caller.signal);
    await settle();
    caller.abort();
    expect(await settled).toEqual(err({ ...unknown, cause: { kind: 'call.aborted' } }));
    expect(allWiped()).toBe(true);
  });
});

describe('a write that failed', () => {
  it.each([
    { kind: 'store.unavailable' },
    { kind: 'store.throttled' },
    { kind: 'store.misconfigured', detail: 'no such table' },
    { kind: 'credentials.invalid' },
  ] as const)('with $kind says so at once, stores nothing and wipes the key', async (failure) => {
    service.store.instead.insert = () => errAsync(failure);
    expect(await create()).toEqual(err(failure));
    expect(service.store.calls).toEqual(['genesis', 'insert']);
    expect([service.store.rows.size, allWiped(), service.telemetry.milestones]).toEqual([0, true, []]);
  });
});

describe('a store that holds another record', () => {
  it('because another process was first returns its record, and our key is wiped (I1)', async () => {
    const winner = await service.stored('orders/7', randomBytes(32));
    expect(await create()).toEqual(ok({ record: winner }));
    expect(await stored()).toEqual(winner);
    expect([allWiped(), service.telemetry.milestones]).toEqual([true, []]);
  });

  it('and answers the write with a third one is believed in what it holds afterwards (I1)', async () => {
    const third = await service.recordOf('orders/7', randomBytes(32));
    const { inner, instead } = service.store;
    instead.insert = (record, signal) => inner.insert(record, signal).map(() => third);
    const settled = await create();
    expect(settled.map(({ own }) => own?.key === generated())).toEqual(ok(true));
    expect(settled.map(({ record }) => record)).toEqual(ok(await stored()));
  });

  it.each([
    ['of a newer format', { format: 2 }, 'newer-format'],
    ['that is broken', { format: 1, id: 'orders/7' }, 'broken'],
  ])('%s never has it overwritten (I11)', async (_, fields, reason) => {
    service.store.rows.set(row, fields);
    expect(await create()).toMatchObject({ error: { kind: 'key.unreadable', reason } });
    expect([...service.store.rows]).toEqual([[row, fields]]);
    expect([allWiped(), service.telemetry.milestones]).toEqual([true, []]);
  });

  it('that is unreadable after a write of unknown outcome is unreadable, not unknown', async () => {
    const unreadable = { kind: 'key.unreadable', reason: 'broken', detail: 'revision' } as const;
    service.store.instead.insert = () => errAsync({ kind: 'store.outcome-unknown' });
    service.store.instead.find = () => errAsync(unreadable);
    expect(await create()).toEqual(err(unreadable));
    expect(allWiped()).toBe(true);
  });
});

describe('a store that keeps our record otherwise than it was written', () => {
  type Ciphertexts = readonly RegionalCiphertext[];
  const changed = ([one, ...rest]: Ciphertexts, change: (bytes: Uint8Array) => Uint8Array): Ciphertexts =>
    one === undefined ? [] : [{ ...one, bytes: change(one.bytes) }, ...rest];
  const flip = (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, index) => (index === 60 ? byte ^ 1 : byte));
  const tamper = (change: (ciphertexts: Ciphertexts) => Ciphertexts): void => {
    const { inner, instead } = service.store;
    instead.insert = (record, signal) =>
      inner.insert(newKeyRecord(record, change([...record.ciphertexts.values()])), signal);
  };

  it.each<readonly [string, (ciphertexts: Ciphertexts) => Ciphertexts]>([
    ['drops two ciphertexts', (all) => all.slice(0, 1)],
    ['drops one and damages another', (all) => changed(all.slice(1), flip)],
    ['drops one and cuts another short', (all) => changed(all.slice(1), (bytes) => bytes.subarray(0, -1))],
    [
      'drops one and lengthens another',
      (all) => changed(all.slice(1), (bytes) => Uint8Array.of(...bytes, 0)),
    ],
    [
      'swaps their regions',
      (all) => all.map((one, index) => ({ ...one, bytes: all.at(index - 1)?.bytes ?? one.bytes })),
    ],
  ])('and %s does not have the key released (I2)', async (_, change) => {
    tamper(change);
    const cause = 'the stored record lacks proven ciphertexts';
    expect(await create()).toEqual(err({ kind: 'store.outcome-unknown', cause }));
    expect([allWiped(), service.telemetry.milestones]).toEqual([true, []]);
  });

  it.each<readonly [string, (ciphertexts: Ciphertexts) => Ciphertexts]>([
    ['drops one ciphertext', (all) => all.slice(1)],
    ['damages one', (all) => changed(all, flip)],
  ])('and %s still keeps the quorum: the key is released (I2)', async (_, change) => {
    tamper(change);
    const settled = await create();
    const key = generated();
    const own = { key: key && hexOf(key), region: frankfurt };
    expect(seen(settled)).toEqual(ok({ record: await stored(), own }));
  });
});

describe('a bug in one vault', () => {
  it('while another reads back leaves no plaintext behind, neither the key nor what was read back', async () => {
    service.vaults[0].script('decrypt', 'hold');
    service.vaults[1].script('encrypt', 'throw');
    await expect(async () => await create()).rejects.toThrow('a bounded call threw');
    service.vaults[0].release();
    await settle();
    expect(handedOut().map(isWiped)).toEqual(handedOut().map(() => true));
    expect(service.store.rows.size).toBe(0);
  });
});
