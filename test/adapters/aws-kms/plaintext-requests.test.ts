// Keys on their way to KMS: the SDK never sees them, the request carries them, and its bytes are overwritten afterwards.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KMSClient } from '@aws-sdk/client-kms';
import {
  encryptCommand,
  keepPlaintextsOutOfRequests,
} from '../../../src/adapters/aws-kms/plaintext-requests.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { encryptionContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { startKmsServer, type KmsServer } from '../../support/kms-server.js';
import { deployment, keyId } from '../../support/names.js';
import { keyOf } from '../../support/sample-keys.js';

const name = { deployment: deployment('test'), id: keyId('orders/7'), version: firstVersion };
const context = encryptionContext(name, 'c'.repeat(43) as Commitment);

let kms: KmsServer;
let client: KMSClient;
/** The bodies of the requests, as they were sent and as they are afterwards. */
let sent: string[];
let bodies: Buffer[];
beforeEach(async () => {
  kms = await startKmsServer({ region: 'eu-west-1' });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  client = new KMSClient({ region: 'eu-west-1', endpoint: kms.endpoint, credentials, maxAttempts: 1 });
  [sent, bodies] = [[], []];
  client.middlewareStack.add(
    (next) => async (args) => {
      const { body } = args.request as { body: Buffer };
      sent.push(Buffer.from(body).toString());
      bodies.push(body);
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
});
afterEach(async () => {
  client.destroy();
  await kms.stop();
});

describe.each([16, 32, 64] as const)('a key of %d bytes to be encrypted', (length) => {
  const bytes = Buffer.alloc(length, 0xa5);

  it('is carried by the request, signed with it, and overwritten when the answer is there', async () => {
    keepPlaintextsOutOfRequests(client);
    const command = encryptCommand(kms.keyArn, keyOf(bytes), context);
    const { CiphertextBlob } = await client.send(command);
    expect(CiphertextBlob).toBeInstanceOf(Uint8Array);
    expect(sent.map((body) => JSON.parse(body) as object)).toEqual([
      { KeyId: kms.keyArn, Plaintext: bytes.toString('base64'), EncryptionContext: context },
    ]);
    expect(bodies.map((body) => body.every((byte) => byte === 0))).toEqual([true]);
    expect(command.input.Plaintext).toEqual(new Uint8Array(length));
  });

  it('is overwritten when the call fails, too', async () => {
    keepPlaintextsOutOfRequests(client);
    await kms.fail('reset');
    await expect(client.send(encryptCommand(kms.keyArn, keyOf(bytes), context))).rejects.toThrow();
    expect(sent).toHaveLength(1);
    expect(bodies.map((body) => body.every((byte) => byte === 0))).toEqual([true]);
  });
});

describe('a request that the SDK writes in a way that is not known', () => {
  it.each([
    ['without the zeros', '{"Plaintext" : "AAAAAAAAAAAAAAAAAAAAAA=="}'],
    [
      'with the zeros twice',
      '{"Plaintext":"AAAAAAAAAAAAAAAAAAAAAA==","Plaintext":"AAAAAAAAAAAAAAAAAAAAAA=="}',
    ],
    ['as no bytes', 7],
  ])('is never sent: %s', async (_, body) => {
    client.middlewareStack.add(
      (next) => async (args) => {
        (args.request as { body: unknown }).body = body;
        return next(args);
      },
      { step: 'serialize', priority: 'low' },
    );
    keepPlaintextsOutOfRequests(client);
    const call = client.send(encryptCommand(kms.keyArn, keyOf(Buffer.alloc(16, 1)), context));
    await expect(call).rejects.toThrow('in another way');
    expect([sent, kms.calls]).toEqual([[], []]);
  });
});
