// The local vault: the contract, the format of its ciphertexts, which must always stay readable, and its master key files.
import {
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  chmodSync,
  readdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { LocalKmsKeyVault } from '../../../src/adapters/local-kms/local-kms-key-vault.js';
import {
  createMasterKey,
  masterKeyPath,
  readMasterKey,
  withoutMasterKey,
} from '../../../src/adapters/local-kms/master-keys.js';
import { dataKeyLengths, type Commitment } from '../../../src/domain/keys/data-key.js';
import { encryptionContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { OperatorError } from '../../../src/adapters/system/operator-error.js';
import { keyVaultContract } from '../../contracts/key-vault-contract.js';
import { Leftovers } from '../../support/leftovers.js';
import { deployment, keyId, region } from '../../support/names.js';
import { hexOf, keyOf, randomKey } from '../../support/sample-keys.js';
import { refusalOf } from '../../support/refusals.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const here = region('local-a');
const there = region('local-b');
const masterKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const commitment = 'AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE' as Commitment;
const name = { deployment: deployment('production'), id: keyId('orders/7'), version: firstVersion };
const context = encryptionContext(name, commitment);
const unbounded = (): AbortSignal => new AbortController().signal;

describe('the contract of a vault', () => {
  const promises = keyVaultContract(() =>
    Promise.resolve({
      subject: new LocalKmsKeyVault(here, masterKey),
      stranger: new LocalKmsKeyVault(there, Buffer.alloc(32, 7)),
    }),
  );
  for (const promise of promises) test(promise.name, promise.run);
});

describe('a ciphertext', () => {
  const vault = new LocalKmsKeyVault(here, masterKey);

  test.each(dataKeyLengths)('of a key of %d bytes is 53 bytes longer', async (length) => {
    const made = (await vault.encrypt(randomKey(length), context, unbounded()))._unsafeUnwrap();
    expect(made.bytes).toHaveLength(53 + length);
  });

  test('has a fingerprint of the master key, which is not a part of the key', async () => {
    const made = (await vault.encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
    expect(made.kmsKey).toBe('local:local-a:2ca989f0615276d7');
    expect(masterKey.toString('hex')).not.toContain('2ca989f0615276d7');
  });

  test('of the first release still opens', async () => {
    const bytes = Buffer.from(
      '012ca989f0615276d7fa55f05c0f1c08ea618afed34ddfa5c6cb90b76b54fa764a6f86ce81cf536bdbba91be9e4e25df1fd9a6045e7cd1401b0b21abf8e14b35613f16f57098a0b151cbb2bd103ae254abf521ae0e',
      'hex',
    );
    const opened = await vault.decrypt({ region: here, kmsKey: '', bytes }, context, unbounded());
    expect(opened.map(hexOf)).toEqual(ok(Buffer.from('a data key that is 32 bytes long').toString('hex')));
  });

  test('opens in a new vault with the same master key', async () => {
    const key = randomKey();
    const made = (await vault.encrypt(key, context, unbounded()))._unsafeUnwrap();
    const again = new LocalKmsKeyVault(here, Buffer.from(masterKey));
    expect((await again.decrypt(made, context, unbounded())).map(hexOf)).toEqual(ok(hexOf(key)));
  });

  test('opens in no other region, even with the same master key', async () => {
    const made = (await vault.encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
    const elsewhere = new LocalKmsKeyVault(there, masterKey);
    expect(await elsewhere.decrypt(made, context, unbounded())).toEqual(err({ kind: 'ciphertext.rejected' }));
  });

  test('of random bytes is rejected without an exception', async () => {
    const start = Buffer.concat([Buffer.of(1), Buffer.from('2ca989f0615276d7', 'hex')]);
    const bytes = fc.uint8Array({ maxLength: 200 });
    const plausible = bytes.map((rest) => new Uint8Array(Buffer.concat([start, rest])));
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes, plausible), async (invented) => {
        const ciphertext = { region: here, kmsKey: '', bytes: invented };
        expect(await vault.decrypt(ciphertext, context, unbounded())).toEqual(
          err({ kind: 'ciphertext.rejected' }),
        );
      }),
    );
  });

  test('of any key opens only with its own context', async () => {
    const texts = fc.record({ id: fc.string(), version: fc.string(), deployment: fc.string() });
    const contextOf = (texted: { id: string; version: string; deployment: string }) =>
      ({
        'rkms:id': texted.id,
        'rkms:version': texted.version,
        'rkms:deployment': texted.deployment,
      }) as unknown as typeof context;
    const keys = fc
      .constantFrom(...dataKeyLengths)
      .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
    await fc.assert(
      fc.asyncProperty(keys, texts, texts, async (bytes, own, other) => {
        fc.pre(JSON.stringify(own) !== JSON.stringify(other));
        const key = keyOf(bytes);
        const made = (await vault.encrypt(key, contextOf(own), unbounded()))._unsafeUnwrap();
        expect((await vault.decrypt(made, contextOf(own), unbounded())).map(hexOf)).toEqual(ok(hexOf(key)));
        expect((await vault.decrypt(made, contextOf(other), unbounded())).isErr()).toBe(true);
      }),
    );
  });
});

describe('a master key file', () => {
  const modeOf = (path: string): number => statSync(path).mode & 0o777;

  test('is readable only for its owner, like its folder', () => {
    const folder = join(leftovers.folder(), 'deep', 'master-keys');
    createMasterKey(folder, here);
    expect([modeOf(folder), modeOf(masterKeyPath(folder, here))]).toEqual([0o700, 0o600]);
    expect(readMasterKey(folder, here)).toHaveLength(32);
    expect(readdirSync(folder)).toEqual(['local-a.key']);
  });

  test('is created once: a second call keeps the first', () => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    const first = readFileSync(masterKeyPath(folder, here));
    createMasterKey(folder, here);
    expect(readFileSync(masterKeyPath(folder, here)).equals(first)).toBe(true);
    expect(readMasterKey(folder, here).equals(first.subarray(8, 40))).toBe(true);
  });

  test('is different for each region', () => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    createMasterKey(folder, there);
    expect(readMasterKey(folder, here).equals(readMasterKey(folder, there))).toBe(false);
  });

  test('is reported as missing before it is created', () => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    expect(withoutMasterKey(folder, [here, there])).toEqual([there]);
  });

  test('that is missing is refused, and none is created', () => {
    const folder = leftovers.folder();
    const path = masterKeyPath(folder, here);
    expect(refusalOf(() => readMasterKey(folder, here))).toEqual({
      message: `the master key ${path} is missing`,
      hint: expect.stringContaining('backup'),
    });
    expect(existsSync(path)).toBe(false);
  });

  const spoil: readonly [string, string, (content: Buffer) => Buffer][] = [
    ['empty', 'has 0 bytes instead of 48', () => Buffer.alloc(0)],
    ['truncated', 'has 47 bytes instead of 48', (content) => content.subarray(0, -1)],
    ['lengthened', 'has 49 bytes instead of 48', (content) => Buffer.concat([content, Buffer.of(0)])],
    ['a bare key', 'has 32 bytes instead of 48', (content) => content.subarray(8, 40)],
    ['all zeros', 'is damaged or belongs to another region', (content) => Buffer.alloc(content.length)],
  ];

  test.each(spoil)('that is %s is refused, and the error has its path', (_, complaint, change) => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    const path = masterKeyPath(folder, here);
    writeFileSync(path, change(readFileSync(path)));
    expect(refusalOf(() => readMasterKey(folder, here))).toEqual({
      message: `the master key ${path} ${complaint}`,
      hint: expect.stringContaining('backup'),
    });
  });

  test('that is damaged in any byte is refused', () => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    const path = masterKeyPath(folder, here);
    const whole = readFileSync(path);
    for (const [index, byte] of whole.entries()) {
      const damaged = Buffer.from(whole);
      damaged[index] = byte ^ 1;
      writeFileSync(path, damaged);
      expect(() => readMasterKey(folder, here)).toThrow(OperatorError);
    }
    writeFileSync(path, whole);
    expect(readMasterKey(folder, here)).toHaveLength(32);
  });

  test('that was renamed to another region is refused', () => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    renameSync(masterKeyPath(folder, here), masterKeyPath(folder, there));
    const { message } = refusalOf(() => readMasterKey(folder, there));
    expect(message).toBe(
      `the master key ${masterKeyPath(folder, there)} is damaged or belongs to another region`,
    );
  });

  test.each([0o644, 0o640, 0o604, 0o620, 0o601])('that is open to others (%o) is refused', (mode) => {
    const folder = leftovers.folder();
    createMasterKey(folder, here);
    const path = masterKeyPath(folder, here);
    chmodSync(path, mode);
    expect(refusalOf(() => readMasterKey(folder, here))).toEqual({
      message: `the file ${path} is open to other users (mode 0${mode.toString(8)})`,
      hint: `run: chmod 600 '${path}'`,
    });
  });

  test('is not created in a folder that is open to other users', () => {
    const folder = leftovers.folder();
    chmodSync(folder, 0o755);
    expect(() => {
      createMasterKey(folder, here);
    }).toThrow(OperatorError);
    expect(readdirSync(folder)).toEqual([]);
  });
});
