// Shows what the real AWS client sees of the faults in a played region's answers, and which calls a fault hits.
// It must never wait for time to pass: it waits for answers.
import { afterEach, describe, expect, test } from '@jest/globals';
import type { KmsFault } from './kms-server.js';
import { cleanUp, post, start, startWithClient, TestClient } from './kms-test-client.js';

afterEach(cleanUp);

async function outcomes(calls: number, call: () => Promise<unknown>): Promise<string> {
  const marks: string[] = [];
  for (let i = 0; i < calls; i += 1) {
    marks.push(
      await call().then(
        () => '.',
        () => 'x',
      ),
    );
  }
  return marks.join('');
}

describe('a region with a fault in its answers', () => {
  const errors: readonly (readonly [KmsFault, string, number])[] = [
    ['internal-error', 'KMSInternalException', 500],
    ['dependency-timeout', 'DependencyTimeoutException', 503],
    ['key-unavailable', 'KeyUnavailableException', 500],
    ['throttled', 'ThrottlingException', 400],
    ['limit-exceeded', 'LimitExceededException', 400],
    ['not-found', 'NotFoundException', 400],
    ['access-denied', 'AccessDeniedException', 400],
    ['expired-credentials', 'ExpiredTokenException', 400],
    ['invalid-request', 'ValidationException', 400],
  ];
  test.each(errors)('%s is %s (%d) in every operation', async (fault, name, httpStatusCode) => {
    const { kms, client } = await startWithClient();
    const { CiphertextBlob } = await client.encrypt();
    await kms.fail(fault);
    const error = { name, $metadata: { httpStatusCode } };
    const attempts = [client.generate(), client.encrypt(), client.decrypt(CiphertextBlob), client.describe()];
    await Promise.all(attempts.map((attempt) => expect(attempt).rejects.toMatchObject(error)));
    await kms.heal();
    await expect(client.decrypt(CiphertextBlob)).resolves.toBeDefined();
  });

  test('a throttled region says so in the words of KMS', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('throttled');
    await expect(client.generate()).rejects.toThrow('Rate exceeded');
  });

  test.each([
    ['disabled', 'DisabledException', 'is disabled.', 'Disabled'],
    ['pending-deletion', 'KMSInvalidStateException', 'is pending deletion.', 'PendingDeletion'],
  ] as const)('a key %s does no crypto and shows its state', async (fault, name, words, state) => {
    const { kms, client } = await startWithClient();
    const { CiphertextBlob } = await client.encrypt();
    await kms.fail(fault);
    const error = { name, message: `${kms.keyArn} ${words}` };
    const attempts = [client.generate(), client.encrypt(), client.decrypt(CiphertextBlob)];
    await Promise.all(attempts.map((attempt) => expect(attempt).rejects.toMatchObject(error)));
    const { KeyMetadata } = await client.describe();
    expect(KeyMetadata).toMatchObject({ Enabled: false, KeyState: state });
    const deletion = KeyMetadata?.DeletionDate?.getTime() ?? 0;
    expect(deletion > Date.now()).toBe(state === 'PendingDeletion');
    await kms.heal();
    expect((await client.describe()).KeyMetadata).toMatchObject({ Enabled: true, KeyState: 'Enabled' });
  });

  test('a load balancer answers 503 with a page, not with an error of KMS', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('server-error');
    const answer = await post(kms, 'DescribeKey', '{}');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'text/html']);
    expect(await answer.text()).toMatch(/^<html>/);
    await expect(client.describe()).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
  });

  test('garbage comes with status 200 and cannot be parsed', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('garbage');
    const answer = await post(kms, 'DescribeKey', '{}');
    expect(answer.status).toBe(200);
    await expect(answer.json()).rejects.toThrow('not valid JSON');
    await expect(client.describe()).rejects.toThrow();
  });

  test('a wrong plaintext has the right length and the right key', async () => {
    const { kms, client } = await startWithClient();
    const made = await client.generate();
    await kms.fail('wrong-plaintext');
    const opened = await client.decrypt(made.CiphertextBlob);
    expect(opened.Plaintext).toHaveLength(32);
    expect(opened.Plaintext).not.toEqual(made.Plaintext);
    expect(opened.KeyId).toBe(kms.keyArn);
    await kms.heal();
    expect((await client.decrypt(made.CiphertextBlob)).Plaintext).toEqual(made.Plaintext);
  });

  test('a wrong plaintext concerns other operations only when told to', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('wrong-plaintext');
    const sound = await client.generate();
    await kms.fail('wrong-plaintext', { operations: ['GenerateDataKey'] });
    const unsound = await client.generate();
    await kms.heal();
    expect((await client.decrypt(sound.CiphertextBlob)).Plaintext).toEqual(sound.Plaintext);
    expect((await client.decrypt(unsound.CiphertextBlob)).Plaintext).not.toEqual(unsound.Plaintext);
  });

  test('a wrong length is one byte short', async () => {
    const { kms, client } = await startWithClient();
    const made = await client.generate();
    await kms.fail('wrong-length');
    expect((await client.decrypt(made.CiphertextBlob)).Plaintext).toEqual(made.Plaintext?.subarray(0, 31));
    expect((await client.generate()).Plaintext).toHaveLength(31);
  });

  test("a wrong key id is another key's ARN of the same region, in every answer", async () => {
    const { kms, client } = await startWithClient();
    const made = await client.generate();
    await kms.fail('wrong-key-id');
    const opened = await client.decrypt(made.CiphertextBlob);
    const described = (await client.describe()).KeyMetadata;
    const arns = [
      opened.KeyId,
      (await client.generate()).KeyId,
      (await client.encrypt()).KeyId,
      described?.Arn,
    ];
    expect(new Set(arns).size).toBe(1);
    expect(opened.KeyId).toMatch(/^arn:aws:kms:eu-west-1:111122223333:key\/[0-9a-f-]{36}$/);
    expect(opened.KeyId).not.toBe(kms.keyArn);
    expect(opened.Plaintext).toEqual(made.Plaintext);
    expect(described?.Arn).toMatch(new RegExp(`/${described?.KeyId ?? ''}$`));
  });
});

describe('a fault', () => {
  test('hits its share of the calls, evenly and the same each time', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('throttled', { rate: 0.25 });
    expect(await outcomes(12, () => client.describe())).toBe('...x...x...x');
    await kms.fail('throttled', { rate: 0.1 });
    expect(await outcomes(20, () => client.describe())).toBe('.........x.........x');
    await kms.fail('throttled', { rate: 0 });
    expect(await outcomes(5, () => client.describe())).toBe('.....');
  });

  test('heals by itself after so many hits', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('disabled', { times: 2 });
    await client.describe();
    expect(await outcomes(4, () => client.generate())).toBe('xx..');
    expect((await client.describe()).KeyMetadata?.KeyState).toBe('Enabled');
    await kms.fail('reset', { times: 2, rate: 0.5 });
    expect(await outcomes(7, () => client.generate())).toBe('.x.x...');
  });

  test('leaves the operations alone which it was not meant for', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('access-denied', { operations: ['Encrypt', 'Decrypt'] });
    await expect(client.encrypt()).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await expect(client.generate()).resolves.toBeDefined();
    await kms.fail('disabled', { operations: ['Encrypt'] });
    await expect(client.encrypt()).rejects.toMatchObject({ name: 'DisabledException' });
    expect((await client.describe()).KeyMetadata?.KeyState).toBe('Enabled');
  });

  test('that makes no sense is not put in force', async () => {
    const kms = await start();
    await expect(kms.fail('throttled', { rate: 1.5 })).rejects.toThrow(RangeError);
    await expect(kms.fail('refused', { rate: 0.5 })).rejects.toThrow(RangeError);
    await expect(new TestClient(kms).describe()).resolves.toBeDefined();
  });
});
