// The contract of every KeyVault, with the promises of the comments in ports/key-vault.ts. It makes a few hundred real calls:
// run it against a KMS key that is used for nothing else.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ResultAsync } from 'neverthrow';
import {
  DataKey,
  dataKeyLengths,
  type Commitment,
  type DataKeyLength,
} from '../../src/domain/keys/data-key.js';
import {
  encryptionContext,
  generationContext,
  type EncryptionContext,
} from '../../src/domain/keys/encryption-context.js';
import { firstVersion, parseDeployment, parseKeyId } from '../../src/domain/ids.js';
import type { RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../src/ports/key-vault.js';
import {
  answerOf,
  assertFails,
  outcomeOf,
  promisesOf,
  unbounded,
  valid,
  type ContractPromise,
  type Subject,
} from './contract.js';

/** A vault, and a vault of another region whose ciphertexts it must not open. */
export interface VaultSubject extends Subject<KeyVault> {
  readonly stranger: KeyVault;
}

export function keyVaultContract(makeVaults: () => Promise<VaultSubject>): readonly ContractPromise[] {
  return [
    ...dataKeyLengths.flatMap((length) => promisesOf(makeVaults, promisesForLength(length))),
    ...promisesOf(makeVaults, generation),
    ...promisesOf(makeVaults, encryption),
    ...promisesOf(makeVaults, rejection),
    ...promisesOf(makeVaults, calls),
  ];
}

type Checks = Readonly<Record<string, (made: VaultSubject) => Promise<void>>>;

const name = {
  deployment: valid(parseDeployment('contract')),
  id: valid(parseKeyId('orders/7')),
  version: firstVersion,
};
const context = encryptionContext(name, randomBytes(32).toString('base64url') as Commitment);

const randomKey = (length: DataKeyLength = 32): DataKey => valid(DataKey.take(randomBytes(length)));
const hexOf = (key: DataKey): string => key.reveal((bytes) => Buffer.from(bytes).toString('hex'));
const hexIn = (call: ResultAsync<DataKey, { readonly kind: string }>): Promise<string> =>
  answerOf(call.map(hexOf));

const sealed = (vault: KeyVault, key = randomKey(), bound = context): Promise<RegionalCiphertext> =>
  answerOf(vault.encrypt(key, bound, unbounded()));
const generated = (
  vault: KeyVault,
  length: DataKeyLength = 32,
): ResultAsync<DataKey, { readonly kind: string }> =>
  vault.generateDataKey(length, generationContext(name), unbounded());

const promisesForLength = (length: DataKeyLength): Checks => ({
  [`a generated key of ${length} bytes has exactly ${length} bytes`]: async ({ subject }) => {
    assert.equal((await answerOf(generated(subject, length))).length, length);
  },
  [`an encrypted key of ${length} bytes is decrypted to the same bytes`]: async ({ subject }) => {
    const key = randomKey(length);
    const ciphertext = await sealed(subject, key);
    assert.equal(await hexIn(subject.decrypt(ciphertext, context, unbounded())), hexOf(key));
  },
});

const generation: Checks = {
  'two calls never return the same key': async ({ subject }) => {
    const made = await Promise.all(Array.from({ length: 20 }, () => hexIn(generated(subject))));
    assert.equal(new Set(made).size, made.length);
  },
  'a generated key can be encrypted and decrypted': async ({ subject }) => {
    const key = await answerOf(generated(subject));
    const ciphertext = await sealed(subject, key);
    assert.equal(await hexIn(subject.decrypt(ciphertext, context, unbounded())), hexOf(key));
  },
};

const encryption: Checks = {
  'a ciphertext names its own region and a KMS key': async ({ subject }) => {
    const { region, kmsKey } = await sealed(subject);
    assert.equal(region, subject.region);
    assert.notEqual(kmsKey, '');
  },
  'two ciphertexts of one key differ, and both open': async ({ subject }) => {
    const key = randomKey();
    const [one, two] = [await sealed(subject, key), await sealed(subject, key)];
    assert.notEqual(Buffer.from(one.bytes).toString('hex'), Buffer.from(two.bytes).toString('hex'));
    for (const ciphertext of [one, two]) {
      assert.equal(await hexIn(subject.decrypt(ciphertext, context, unbounded())), hexOf(key));
    }
  },
  'a ciphertext does not contain the key': async ({ subject }) => {
    const key = randomKey(64);
    const { bytes } = await sealed(subject, key);
    assert.ok(!Buffer.from(bytes).toString('hex').includes(hexOf(key)));
  },
  'a key that is passed in is neither wiped nor changed': async ({ subject }) => {
    const bytes = randomBytes(32);
    const before = bytes.toString('hex');
    const key = valid(DataKey.take(bytes));
    await sealed(subject, key);
    assert.equal(hexOf(key), before);
  },
  'a returned key belongs to the caller: wiping it changes no later result': async ({ subject }) => {
    const key = randomKey();
    const ciphertext = await sealed(subject, key);
    const opened = await answerOf(subject.decrypt(ciphertext, context, unbounded()));
    opened.wipe();
    assert.equal(await hexIn(subject.decrypt(ciphertext, context, unbounded())), hexOf(key));
  },
  'a ciphertext that is passed in is not changed': async ({ subject }) => {
    const ciphertext = await sealed(subject);
    const before = Buffer.from(ciphertext.bytes).toString('hex');
    await answerOf(subject.decrypt(ciphertext, context, unbounded()));
    assert.equal(Buffer.from(ciphertext.bytes).toString('hex'), before);
  },
};

/** Contexts that differ from `context` in one pair. :: what was done -> context */
function alteredContexts(): ReadonlyMap<string, EncryptionContext> {
  const pairs = Object.entries(context) as [string, string][];
  const without = (left: string) => pairs.filter(([pair]) => pair !== left);
  const altered: [string, [string, string][]][] = pairs.flatMap(([pair, value]) => [
    [`${pair} changed`, [...without(pair), [pair, `${value}x`]]],
    [`${pair} shortened`, [...without(pair), [pair, value.slice(0, -1)]]],
    [`${pair} in other letters`, [...without(pair), [pair, swapCase(value)]]],
    [`${pair} missing`, without(pair)],
    [`${pair} named otherwise`, [...without(pair), [pair.toUpperCase(), value]]],
  ]);
  altered.push(['a pair added', [...pairs, ['rkms:more', '1']]]);
  return new Map(
    altered
      .filter(([, changed]) => JSON.stringify(changed.sort()) !== JSON.stringify(pairs.sort()))
      .map(([what, changed]) => [what, Object.fromEntries(changed) as unknown as EncryptionContext]),
  );
}

const swapCase = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()));

const rejection: Checks = {
  'a context with any changed pair is rejected': async ({ subject }) => {
    const ciphertext = await sealed(subject);
    for (const [what, other] of alteredContexts()) {
      const outcome = await outcomeOf(subject.decrypt(ciphertext, other, unbounded()));
      assert.deepEqual(outcome, { failure: 'ciphertext.rejected' }, what);
    }
  },
  'a text moved from one pair to another is rejected': async ({ subject }) => {
    const bound = { ...context, 'rkms:deployment': 'ab', 'rkms:id': 'c' } as EncryptionContext;
    const moved = { ...context, 'rkms:deployment': 'a', 'rkms:id': 'bc' } as EncryptionContext;
    const ciphertext = await sealed(subject, randomKey(), bound);
    await assertFails(subject.decrypt(ciphertext, moved, unbounded()), 'ciphertext.rejected');
  },
  'the order of the pairs in the context does not matter': async ({ subject }) => {
    const key = randomKey();
    const ciphertext = await sealed(subject, key);
    const reversed = Object.fromEntries(Object.entries(context).reverse()) as unknown as EncryptionContext;
    assert.equal(await hexIn(subject.decrypt(ciphertext, reversed, unbounded())), hexOf(key));
  },
  'a ciphertext that is damaged in any byte is rejected': async ({ subject }) => {
    const ciphertext = await sealed(subject);
    for (const [index, byte] of ciphertext.bytes.entries()) {
      const bytes = new Uint8Array(ciphertext.bytes);
      bytes[index] = byte ^ (1 << (index % 8));
      const outcome = await outcomeOf(subject.decrypt({ ...ciphertext, bytes }, context, unbounded()));
      assert.deepEqual(outcome, { failure: 'ciphertext.rejected' }, `byte ${index}`);
    }
  },
  'a truncated, lengthened or invented ciphertext is rejected': async ({ subject }) => {
    const ciphertext = await sealed(subject);
    const { length } = ciphertext.bytes;
    const inventions = [
      ...[1, 2, Math.floor(length / 2), length - 16, length - 1].map((end) => ciphertext.bytes.slice(0, end)),
      Buffer.concat([ciphertext.bytes, Buffer.of(0)]),
      Buffer.concat([ciphertext.bytes, ciphertext.bytes]),
      ...[1, 16, length, 6_144].map((size) => randomBytes(size)),
      Buffer.alloc(length),
    ];
    for (const bytes of inventions) {
      const outcome = await outcomeOf(subject.decrypt({ ...ciphertext, bytes }, context, unbounded()));
      assert.deepEqual(outcome, { failure: 'ciphertext.rejected' }, `${bytes.length} bytes`);
    }
  },
  'an empty ciphertext is rejected, or is an invalid request': async ({ subject }) => {
    const empty = { ...(await sealed(subject)), bytes: new Uint8Array() };
    const call = subject.decrypt(empty, context, unbounded());
    await assertFails(call, 'ciphertext.rejected', 'vault.request-invalid');
  },
  'a ciphertext of another region or KMS key is rejected, whichever region and KMS key it names': async (
    made,
  ) => {
    const { subject, stranger } = made;
    const foreign = await sealed(stranger);
    const { region, kmsKey } = await sealed(subject);
    for (const ciphertext of [foreign, { region, kmsKey, bytes: foreign.bytes }]) {
      await assertFails(subject.decrypt(ciphertext, context, unbounded()), 'ciphertext.rejected');
    }
  },
  'the region and KMS key that a ciphertext names are not trusted': async ({ subject, stranger }) => {
    const key = randomKey();
    const { bytes } = await sealed(subject, key);
    const mislabelled = { region: stranger.region, kmsKey: 'nonsense', bytes };
    assert.equal(await hexIn(subject.decrypt(mislabelled, context, unbounded())), hexOf(key));
  },
};

const calls: Checks = {
  'a probe of a usable KMS key succeeds': async ({ subject }) => {
    assert.deepEqual(await outcomeOf(subject.probe(unbounded())), { answer: undefined });
  },
  'a call whose signal has fired ends with call.aborted': async ({ subject }) => {
    const ciphertext = await sealed(subject);
    const signal = AbortSignal.abort();
    await assertFails(subject.generateDataKey(32, generationContext(name), signal), 'call.aborted');
    await assertFails(subject.encrypt(randomKey(), context, signal), 'call.aborted');
    await assertFails(subject.decrypt(ciphertext, context, signal), 'call.aborted');
    await assertFails(subject.probe(signal), 'call.aborted');
  },
  'concurrent calls each get their own result': async ({ subject }) => {
    const keys = Array.from({ length: 20 }, () => randomKey());
    const ciphertexts = await Promise.all(keys.map((key) => sealed(subject, key)));
    const opened = ciphertexts.map((each) => hexIn(subject.decrypt(each, context, unbounded())));
    assert.deepEqual(await Promise.all(opened), keys.map(hexOf));
  },
};
