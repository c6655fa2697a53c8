// Holds a healthy played region to what the real one does, by driving it with the real AWS client.
// It must never wait for time to pass: it waits for answers.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUp, CONTEXT, OTHER_KEY, post, SECRET, start, startWithClient } from './kms-test-client.js';

afterEach(cleanUp);

describe('a healthy region', () => {
  test('opens the data key it made', async () => {
    const { kms, client } = await startWithClient();
    const made = await client.generate();
    const opened = await client.decrypt(made.CiphertextBlob);
    expect(made).toMatchObject({ KeyId: kms.keyArn, Plaintext: opened.Plaintext });
    expect(opened).toMatchObject({ KeyId: kms.keyArn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    expect(made.Plaintext).toHaveLength(32);
  });

  test('makes data keys of the length or the spec asked for, never the same one twice', async () => {
    const { client } = await startWithClient();
    const [a, b, c] = await Promise.all([
      client.generate({ KeySpec: 'AES_256' }),
      client.generate({ KeySpec: 'AES_256' }),
      client.generate({ NumberOfBytes: 64 }),
    ]);
    expect([a.Plaintext, b.Plaintext, c.Plaintext].map((bytes) => bytes?.length)).toEqual([32, 32, 64]);
    expect(a.Plaintext).not.toEqual(b.Plaintext);
  });

  test('opens what it encrypted, whatever the order of the context, and without being told the key', async () => {
    const { client } = await startWithClient();
    const { CiphertextBlob } = await client.encrypt();
    const reordered = { purpose: CONTEXT.purpose, tenant: CONTEXT.tenant };
    const opened = await client.decrypt(CiphertextBlob, { KeyId: undefined, EncryptionContext: reordered });
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(SECRET);
    expect(Buffer.from(CiphertextBlob ?? []).includes(SECRET)).toBe(false);
  });

  test('knows its key by id, alias, ARN and alias ARN, and answers with the ARN', async () => {
    const { kms, client } = await startWithClient({ keyId: OTHER_KEY });
    const names = [OTHER_KEY, kms.alias, kms.keyArn, kms.keyArn.replace(`key/${OTHER_KEY}`, kms.alias)];
    const answers = await Promise.all(names.map((name) => client.encrypt(SECRET, name)));
    expect(answers.map((answer) => answer.KeyId)).toEqual(names.map(() => kms.keyArn));
    const described = await client.describe(kms.alias);
    expect(described.KeyMetadata).toMatchObject({
      ...{ Arn: kms.keyArn, KeyId: OTHER_KEY, Enabled: true, KeyState: 'Enabled' },
      ...{ KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT' },
    });
    expect(described.KeyMetadata).not.toHaveProperty('DeletionDate');
  });

  test('thinks about each answer for as long as it was told to', async () => {
    const { client } = await startWithClient({ latencyMs: 40 });
    const startedMs = performance.now();
    const { CiphertextBlob } = await client.encrypt();
    const opened = await client.decrypt(CiphertextBlob);
    // Timers may be early by a fraction of a millisecond.
    expect(performance.now() - startedMs).toBeGreaterThan(78);
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(SECRET);
  });

  test.each(['alias/other', OTHER_KEY, `arn:aws:kms:us-east-1:111122223333:key/${OTHER_KEY}`])(
    'does not know %s',
    async (name) => {
      const { client } = await startWithClient();
      const refusal = { name: 'NotFoundException', $metadata: { httpStatusCode: 400 } };
      await expect(client.encrypt(SECRET, name)).rejects.toMatchObject(refusal);
      await expect(client.describe(name)).rejects.toMatchObject(refusal);
    },
  );

  test('refuses a blob under another context, of another region, of another secret, damaged or invented', async () => {
    const { client } = await startWithClient();
    const [far, stranger] = [await startWithClient({ region: 'us-east-1' }), await startWithClient()];
    const refusal = { name: 'InvalidCiphertextException', $metadata: { httpStatusCode: 400 } };
    const { CiphertextBlob = new Uint8Array() } = await client.encrypt();
    const context = { ...CONTEXT, tenant: 'other' };
    await expect(client.decrypt(CiphertextBlob, { EncryptionContext: context })).rejects.toMatchObject(
      refusal,
    );
    for (const { client: other } of [far, stranger]) {
      await expect(other.decrypt(CiphertextBlob)).rejects.toMatchObject(refusal);
    }
    for (const at of CiphertextBlob.keys()) {
      const damaged = CiphertextBlob.map((byte, index) => (index === at ? byte ^ 1 : byte));
      await expect(client.decrypt(damaged)).rejects.toMatchObject(refusal);
    }
    await expect(client.decrypt(randomBytes(200))).rejects.toMatchObject(refusal);
    await expect(client.decrypt(Buffer.of(1))).rejects.toMatchObject(refusal);
  });

  test('does not open a blob when told of another key than made it', async () => {
    const { client } = await startWithClient();
    const { CiphertextBlob } = await client.encrypt();
    const attempt = client.decrypt(CiphertextBlob, { KeyId: OTHER_KEY });
    await expect(attempt).rejects.toMatchObject({ name: 'IncorrectKeyException' });
  });

  test('opens its old blobs after a restart with the same secret', async () => {
    const masterKey = randomBytes(32);
    const before = await startWithClient({ masterKey });
    const { CiphertextBlob } = await before.client.encrypt();
    await before.kms.stop();
    const after = await startWithClient({ masterKey, port: Number(new URL(before.kms.endpoint).port) });
    expect(after.kms.endpoint).toBe(before.kms.endpoint);
    await expect(after.client.decrypt(CiphertextBlob)).resolves.toMatchObject({ KeyId: before.kms.keyArn });
  });

  test('refuses plaintexts and lengths which KMS does not take', async () => {
    const { client } = await startWithClient();
    const refusal = { name: 'ValidationException', $metadata: { httpStatusCode: 400 } };
    await expect(client.encrypt(randomBytes(4097))).rejects.toMatchObject(refusal);
    await expect(client.encrypt(new Uint8Array())).rejects.toMatchObject(refusal);
    await expect(client.encrypt(randomBytes(4096))).resolves.toBeDefined();
    for (const size of [{}, { NumberOfBytes: 0 }, { NumberOfBytes: 1025 }]) {
      await expect(client.generate(size)).rejects.toMatchObject(refusal);
    }
    await expect(client.generate({ NumberOfBytes: 32, KeySpec: 'AES_256' })).rejects.toMatchObject(refusal);
  });

  test('answers a request it cannot understand with the error of KMS', async () => {
    const kms = await start();
    const typeOf = async (answer: Response): Promise<unknown> => [answer.status, await answer.json()];
    const unreadable = { __type: 'SerializationException', message: '' };
    expect(await typeOf(await post(kms, 'Decrypt', 'not json'))).toEqual([400, unreadable]);
    const unknown = { __type: 'UnknownOperationException', message: '' };
    expect(await typeOf(await post(kms, 'constructor', '{}'))).toEqual([400, unknown]);
    const garbage = { __type: 'InvalidCiphertextException', message: '' };
    expect(await typeOf(await post(kms, 'Decrypt', '{"CiphertextBlob":"AQ=="}'))).toEqual([400, garbage]);
    const wrongContext = await post(
      kms,
      'Decrypt',
      JSON.stringify({ KeyId: 1, EncryptionContext: { a: 1 } }),
    );
    expect(wrongContext.status).toBe(400);
    expect(kms.calls.at(-1)).toEqual({ operation: 'Decrypt', keyId: undefined, context: {} });
  });

  test('records every request in order, and uses one connection for one call after the other', async () => {
    const { kms, client } = await startWithClient();
    const { CiphertextBlob } = await client.generate();
    await client.decrypt(CiphertextBlob, { KeyId: undefined });
    await client.describe(kms.alias);
    expect(kms.calls).toEqual([
      { operation: 'GenerateDataKey', keyId: kms.keyArn, context: CONTEXT },
      { operation: 'Decrypt', keyId: undefined, context: CONTEXT },
      { operation: 'DescribeKey', keyId: kms.alias, context: {} },
    ]);
    expect([kms.openConnections(), kms.aborted()]).toEqual([1, 0]);
  });
});
