// RKMS's own transport puts on the wire what the AWS SDK would: the same targets, bodies and signed headers, and it goes to the
// same endpoints.
import { afterEach, describe, expect, it } from '@jest/globals';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { AwsKmsKeyVault } from '../../../src/adapters/aws-kms/aws-kms-key-vault.js';
import { endpointOf } from '../../../src/adapters/aws/regional-clients.js';
import { DynamoDbKeyRepository } from '../../../src/adapters/dynamodb/dynamodb-key-repository.js';
import { itemOf } from '../../../src/adapters/dynamodb/items.js';
import { encodeRecord } from '../../../src/domain/keys/record-format.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { encryptionContext, generationContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { newKeyRecord } from '../../../src/domain/keys/key-record.js';
import { awsTestClient } from '../../support/aws-test-client.js';
import { Leftovers } from '../../support/leftovers.js';
import { deployment, keyId, region } from '../../support/names.js';
import { keyOf } from '../../support/sample-keys.js';
import { startScriptedAws, type AwsRequest, type ScriptedAws } from '../../support/scripted-aws.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const name = { deployment: deployment('test'), id: keyId('orders/7'), version: firstVersion };
const context = encryptionContext(name, 'c'.repeat(43) as Commitment);
const signal = new AbortController().signal;
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const bytes = Buffer.alloc(32, 7);
const ciphertext = { region: region('eu-west-1'), kmsKey: arn, bytes };
const record = newKeyRecord({ ...name, commitment: 'c'.repeat(43) as Commitment, createdAtMs: 7 }, [
  ciphertext,
]);

async function aws(): Promise<ScriptedAws> {
  const server = await startScriptedAws(() => ({ status: 200, body: '{}' }));
  leftovers.add(() => server.stop());
  return server;
}

/** What counts of a request: everything but the time, the signature, and what tells clients apart. */
function essence({ operation, headers, body }: AwsRequest): object {
  const { authorization = '', ...others } = headers;
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
  const needed = ['content-type', 'host', 'x-amz-date', 'x-amz-target'];
  return {
    operation,
    body: JSON.parse(body) as unknown,
    scope: /Credential=([^,]+)/.exec(authorization)?.[1]?.replace(/\d{8}/, 'day'),
    target: others['x-amz-target'],
    contentType: others['content-type'],
    signs: needed.filter((header) => signed.includes(header)),
  };
}

describe('the transport', () => {
  it('sends KMS what the SDK sends', async () => {
    const server = await aws();
    const vault = new AwsKmsKeyVault(
      region('eu-west-1'),
      arn,
      awsTestClient({ service: 'kms', endpoint: server.endpoint }, leftovers),
    );
    await vault.generateDataKey(32, generationContext(name), signal);
    await vault.encrypt(keyOf(bytes), context, signal);
    await vault.decrypt(ciphertext, context, signal);
    const own = server.requests.splice(0).map(essence);
    const sdk = new KMSClient({ region: 'eu-west-1', endpoint: server.endpoint, credentials });
    const EncryptionContext = { ...context };
    await sdk.send(
      new GenerateDataKeyCommand({
        KeyId: arn,
        NumberOfBytes: 32,
        EncryptionContext: { ...generationContext(name) },
      }),
    );
    await sdk.send(new EncryptCommand({ KeyId: arn, Plaintext: bytes, EncryptionContext }));
    await sdk.send(new DecryptCommand({ KeyId: arn, CiphertextBlob: bytes, EncryptionContext }));
    sdk.destroy();
    expect(own).toEqual(server.requests.map(essence));
  });

  it('sends DynamoDB what the SDK sends', async () => {
    const server = await aws();
    const client = awsTestClient({ service: 'dynamodb', endpoint: server.endpoint }, leftovers);
    const store = new DynamoDbKeyRepository(client, 'rkms');
    await store.find(name.id, name.version, signal);
    await store.insert(record, signal);
    const own = server.requests.splice(0).map(essence);
    const sdk = new DynamoDBClient({ region: 'eu-west-1', endpoint: server.endpoint, credentials });
    const Key = { id: { S: name.id }, version: { N: '1' } };
    await sdk.send(new GetItemCommand({ TableName: 'rkms', Key, ConsistentRead: true }));
    const item = itemOf(encodeRecord(record));
    await sdk.send(
      new PutItemCommand({
        TableName: 'rkms',
        Item: {
          ...(item as unknown as Record<string, { S: string }>),
          ciphertexts: { M: { 'eu-west-1': { M: { kmsKey: { S: arn }, bytes: { B: bytes } } } } },
        },
        ConditionExpression: 'attribute_not_exists(id)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    sdk.destroy();
    expect(own).toEqual(server.requests.map(essence));
  });

  it.each(['us-east-1', 'eu-central-2', 'us-gov-west-1', 'cn-north-1', 'us-iso-east-1', 'us-isob-east-1'])(
    'has the endpoints of the SDK in %s',
    (at) => {
      const kms = new KMSClient({ region: at, credentials });
      const dynamodb = new DynamoDBClient({ region: at, credentials });
      const plain = { Region: at, UseFIPS: false, UseDualStack: false };
      expect([endpointOf('kms', at), endpointOf('dynamodb', at)]).toEqual([
        kms.config.endpointProvider(plain).url.origin,
        dynamodb.config.endpointProvider(plain).url.origin,
      ]);
    },
  );
});
