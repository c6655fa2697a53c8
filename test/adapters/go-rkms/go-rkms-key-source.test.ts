// The Go original's table as a source: how its items are parsed, how errors are reported, and that AWS receives only Scan
// and Decrypt.
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { PutItemCommand, type AttributeValue, type CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { err, ok } from 'neverthrow';
import type { JsonClient } from '../../../src/adapters/aws/json-client.js';
import { GoRkmsKeySource } from '../../../src/adapters/go-rkms/go-rkms-key-source.js';
import { entryOf } from '../../../src/adapters/go-rkms/source-items.js';
import type { SourceEntry } from '../../../src/ports/key-source.js';
import { awsTestClient } from '../../support/aws-test-client.js';
import { dynamoClient, startDynalite } from '../../support/dynalite-server.js';
import { withoutCause } from '../../support/failures-without-cause.js';
import { startKmsServer, type KmsServer } from '../../support/kms-server.js';
import { Leftovers } from '../../support/leftovers.js';
import { region } from '../../support/names.js';
import { hexOf } from '../../support/sample-keys.js';
import { awsError, startScriptedAws, type AwsReply } from '../../support/scripted-aws.js';

// Real connections, on a machine that may be busy.
jest.setTimeout(60_000);

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const unbounded = (): AbortSignal => new AbortController().signal;
const ireland = region('eu-west-1');
const bytes = Buffer.of(0, 1, 255);
const base64 = bytes.toString('base64');
const goTable: Partial<CreateTableCommandInput> = {
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
};

const kmsClient = (endpoint: string, name: string): JsonClient =>
  awsTestClient({ service: 'kms', endpoint, region: name }, leftovers);

/** A source whose table is at `endpoint`, and whose every region is `kms`. */
function sourceAt(endpoint: string, kms = endpoint): GoRkmsKeySource {
  const source = new GoRkmsKeySource('go', 'rkms_keys', {
    dynamodb: dynamoClient(endpoint),
    kmsOf: (name) => kmsClient(kms, name),
  });
  leftovers.add(() => {
    source.close();
  });
  return source;
}

async function startKms(): Promise<KmsServer> {
  const kms = await startKmsServer({ region: 'eu-west-1' });
  leftovers.add(() => kms.stop());
  return kms;
}

describe('an item', () => {
  const item = (keys: AttributeValue): SourceEntry => entryOf({ id: { S: 'a' }, keys });
  const two = ok(
    new Map([
      [ireland, Uint8Array.from(bytes)],
      [region('us-east-1'), Uint8Array.from(bytes)],
    ]),
  );
  const plain = ({ id, copies }: SourceEntry): unknown => ({
    id,
    copies: copies.map((map) => new Map([...map].map(([name, each]) => [name, Uint8Array.from(each)]))),
  });

  test.each<readonly [string, AttributeValue]>([
    ['a map of base64', { M: { 'eu-west-1': { S: base64 }, 'us-east-1': { S: base64 } } }],
    [
      'base64 in lines',
      {
        M: {
          'eu-west-1': { S: `${base64.slice(0, 4)}\r\n${base64.slice(4)}\n` },
          'us-east-1': { S: `${base64.slice(0, 8)}\n${base64.slice(8)}` },
        },
      },
    ],
    ['a map of bytes', { M: { 'eu-west-1': { B: bytes }, 'us-east-1': { B: bytes } } }],
    ['a list of maps', { L: [{ M: { 'eu-west-1': { S: base64 } } }, { M: { 'us-east-1': { B: bytes } } }] }],
  ])('may hold its ciphertexts as %s', (_, keys) => {
    expect(plain(item(keys))).toEqual({ id: 'a', copies: two });
  });

  const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`r${n}`, { S: base64 }]));
  test.each<readonly [string, AttributeValue, string]>([
    ['with keys that are text', { S: base64 }, 'keys: neither a map nor a list of maps'],
    ['with a list of strings', { L: [{ S: base64 }] }, 'keys: a list with something other than maps'],
    ['without a region', { M: {} }, 'keys: no region'],
    ['with far too many regions', { M: many }, 'keys: more than 64 regions'],
    [
      'with a region twice',
      { L: [{ M: { a: { B: bytes } } }, { M: { a: { B: bytes } } }] },
      'keys: a region twice',
    ],
    [
      'with an invalid region name',
      { M: { 'evil.example/#': { B: bytes } } },
      'keys: an invalid region name',
    ],
    ['with text that is not base64', { M: { a: { S: 'no base64!' } } }, 'keys: a: neither base64 nor binary'],
    ['with a number', { M: { a: { N: '1' } } }, 'keys: a: neither base64 nor binary'],
    ['with nothing', { M: { a: { S: '' } } }, 'keys: a: 0 bytes'],
    ['with more than KMS takes', { M: { a: { B: Buffer.alloc(6_145) } } }, 'keys: a: 6145 bytes'],
  ])('%s is named as unreadable', (_, keys, detail) => {
    expect(item(keys)).toEqual({ id: 'a', copies: err({ kind: 'source.entry-unreadable', detail }) });
  });

  test('without keys, or without an id, is named as unreadable', () => {
    const unreadable = (detail: string): unknown => err({ kind: 'source.entry-unreadable', detail });
    expect([entryOf({ id: { S: 'a' } }), entryOf({ id: { N: '1' } })]).toEqual([
      { id: 'a', copies: unreadable('keys: neither a map nor a list of maps') },
      { id: '', copies: unreadable('id: not a string') },
    ]);
  });
});

describe('the table', () => {
  test('is read with strong consistency', async () => {
    const aws = await startScriptedAws(() => ({ status: 200, body: '{"Items":[]}' }));
    leftovers.add(() => aws.stop());
    expect(await sourceAt(aws.endpoint).page(undefined, 10, unbounded())).toEqual(ok({ entries: [] }));
    expect(aws.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { TableName: 'rkms_keys', ConsistentRead: true, Limit: 10 },
    ]);
  });

  test('is scanned once, page by page', async () => {
    const dynalite = await startDynalite();
    leftovers.add(() => dynalite.stop());
    await dynalite.createTable('rkms_keys', goTable);
    const ids = Array.from({ length: 25 }, (_, n) => `key-${n}`);
    for (const id of ids) {
      const Item = { id: { S: id }, keys: { M: { 'eu-west-1': { S: base64 } } } };
      await dynalite.client().send(new PutItemCommand({ TableName: 'rkms_keys', Item }));
    }
    const source = sourceAt(dynalite.endpoint);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = (await source.page(after, 10, unbounded()))._unsafeUnwrap();
      seen.push(...page.entries.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  test.each<readonly [AwsReply, object]>([
    [awsError('ResourceNotFoundException'), { kind: 'store.misconfigured' }],
    [awsError('AccessDeniedException'), { kind: 'store.misconfigured' }],
    [awsError('ProvisionedThroughputExceededException'), { kind: 'store.throttled' }],
    [awsError('ExpiredTokenException'), { kind: 'credentials.invalid' }],
    [awsError('InternalServerError', 500), { kind: 'store.unavailable' }],
    [{ status: 200, body: '{' }, { kind: 'store.unavailable' }],
    ['reset', { kind: 'store.unavailable' }],
  ])('that answers %j fails with %j', async (reply, failure) => {
    const aws = await startScriptedAws(() => reply);
    leftovers.add(() => aws.stop());
    const page = await sourceAt(aws.endpoint).page(undefined, 10, unbounded());
    expect(page).toMatchObject({ error: failure });
  });

  test('that does not answer is abandoned when the signal fires', async () => {
    const aws = await startScriptedAws(() => 'silent');
    leftovers.add(() => aws.stop());
    const page = sourceAt(aws.endpoint).page(undefined, 10, AbortSignal.timeout(50));
    expect(await page).toEqual(err({ kind: 'call.aborted' }));
  });
});

describe('a copy', () => {
  const sealed = async (kms: KmsServer, plaintext: Uint8Array): Promise<Uint8Array> => {
    const command = new EncryptCommand({ KeyId: kms.keyArn, Plaintext: plaintext });
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new KMSClient({ region: kms.region, endpoint: kms.endpoint, credentials });
    const { CiphertextBlob } = await client.send(command);
    client.destroy();
    kms.calls.length = 0;
    return CiphertextBlob ?? new Uint8Array();
  };

  test.each([16, 32, 64])('of %i bytes is opened without naming a key or a context', async (length) => {
    const kms = await startKms();
    const plaintext = Buffer.alloc(length, 7);
    const opened = await sourceAt(kms.endpoint).open(await sealed(kms, plaintext), ireland, unbounded());
    expect(opened.map(hexOf)).toEqual(ok(plaintext.toString('hex')));
    expect(kms.calls).toEqual([{ operation: 'Decrypt', keyId: undefined, context: {} }]);
  });

  test.each([1, 24, 33])('of %i bytes is not a data key', async (length) => {
    const kms = await startKms();
    const opened = await sourceAt(kms.endpoint).open(
      await sealed(kms, Buffer.alloc(length, 7)),
      ireland,
      unbounded(),
    );
    expect(opened).toEqual(err({ kind: 'ciphertext.mismatched', reason: 'length' }));
  });

  test('that is damaged is rejected, and a refusing region gives the reason', async () => {
    const kms = await startKms();
    const source = sourceAt(kms.endpoint);
    const open = async (): Promise<unknown> => withoutCause(await source.open(bytes, ireland, unbounded()));
    expect(await open()).toEqual(err({ kind: 'ciphertext.rejected' }));
    await kms.fail('access-denied');
    expect(await open()).toEqual(err({ kind: 'vault.misconfigured', reason: 'access-denied' }));
    await kms.fail('throttled');
    expect(await open()).toEqual(err({ kind: 'region.throttled' }));
  });

  test('in a region that does not answer is abandoned when the signal fires', async () => {
    const kms = await startKms();
    await kms.fail('silent');
    const opened = sourceAt(kms.endpoint).open(bytes, ireland, AbortSignal.timeout(50));
    expect(await opened).toEqual(err({ kind: 'call.aborted' }));
  });

  test('and the next of its region share one client', async () => {
    const kms = await startKms();
    let made = 0;
    const source = new GoRkmsKeySource('go', 'rkms_keys', {
      dynamodb: dynamoClient(kms.endpoint),
      kmsOf: (name) => {
        made += 1;
        return kmsClient(kms.endpoint, name);
      },
    });
    leftovers.add(() => {
      source.close();
    });
    for (let n = 0; n < 3; n += 1) await source.open(bytes, ireland, unbounded());
    expect(made).toBe(1);
  });
});
