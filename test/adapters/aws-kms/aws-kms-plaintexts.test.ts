// Plaintexts that KMS answered and that nobody gets: each is overwritten, whatever was wrong with the answer.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KMSClient } from '@aws-sdk/client-kms';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AwsKmsKeyVault } from '../../../src/adapters/aws-kms/aws-kms-key-vault.js';
import { connectionOptions } from '../../../src/adapters/aws/connection.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { encryptionContext, generationContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { Leftovers } from '../../support/leftovers.js';
import { deployment, keyId, region } from '../../support/names.js';
import { startScriptedAws } from '../../support/scripted-aws.js';
import { until } from '../../support/until.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const name = { deployment: deployment('test'), id: keyId('orders/7'), version: firstVersion };
const context = encryptionContext(name, 'c'.repeat(43) as Commitment);
const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const ciphertext = { region: region('eu-west-1'), kmsKey: arn, bytes: Buffer.from('a ciphertext') };
const plaintext = Buffer.alloc(32, 0xa5).toString('base64');
const patience = (): AbortSignal => AbortSignal.timeout(10_000);

interface Watched {
  readonly vault: AwsKmsKeyVault;
  /** What the client gave the vault as `Plaintext`. */
  readonly plaintexts: readonly Uint8Array[];
  /** What came from the network, as the vault's own reading got it. */
  readonly pieces: readonly Uint8Array[];
}

function watchedVault(endpoint: string): Watched {
  const connection = { region: 'eu-west-1', endpoint, connectTimeoutMs: 1_000, maxSockets: 4 };
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const client = new KMSClient({ ...connectionOptions(connection), credentials });
  leftovers.add(() => {
    client.destroy();
  });
  const [plaintexts, pieces]: [Uint8Array[], Uint8Array[]] = [[], []];
  const vault = new AwsKmsKeyVault(region('eu-west-1'), arn, client);
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const { Plaintext } = answer.output as { Plaintext?: Uint8Array };
      if (Plaintext) plaintexts.push(Plaintext);
      return answer;
    },
    { step: 'initialize', priority: 'high' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const response = answer.response as { body: AsyncIterable<Uint8Array> };
      const { body } = response;
      response.body = (async function* () {
        for await (const piece of body) {
          pieces.push(piece);
          yield piece;
        }
      })();
      return answer;
    },
    { step: 'deserialize', priority: 'low' },
  );
  return { vault, plaintexts, pieces };
}

async function answering(fields: object): Promise<Watched> {
  const aws = await startScriptedAws(() => ({ status: 200, body: JSON.stringify(fields) }));
  leftovers.add(() => aws.stop());
  return watchedVault(aws.endpoint);
}

/** Sends an answer without its last bytes; `cut` resets the connection. */
async function answeringInPart(): Promise<Watched & { readonly cut: () => void }> {
  const body = JSON.stringify({ KeyId: arn, Plaintext: plaintext });
  let cut = (): void => undefined;
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': body.length });
    response.write(body.slice(0, -3));
    cut = () => {
      response.socket?.resetAndDestroy();
    };
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  leftovers.add(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const watched = watchedVault(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    ...watched,
    cut: () => {
      cut();
    },
  };
}

const areWiped = (all: readonly Uint8Array[]): boolean =>
  all.length === 1 && all.every((bytes) => bytes.every((byte) => byte === 0));

describe('a plaintext is wiped when', () => {
  it('the answer to a decryption is of another KMS key', async () => {
    const { vault, plaintexts } = await answering({ KeyId: `${arn}x`, Plaintext: plaintext });
    expect((await vault.decrypt(ciphertext, context, patience())).isErr()).toBe(true);
    expect(areWiped(plaintexts)).toBe(true);
  });

  it('a generated key is of another KMS key', async () => {
    const { vault, plaintexts } = await answering({ KeyId: `${arn}x`, Plaintext: plaintext });
    expect((await vault.generateDataKey(32, generationContext(name), patience())).isErr()).toBe(true);
    expect(areWiped(plaintexts)).toBe(true);
  });

  it('a generated key is of another length than was asked for', async () => {
    const { vault, plaintexts } = await answering({ KeyId: arn, Plaintext: plaintext });
    expect((await vault.generateDataKey(64, generationContext(name), patience())).isErr()).toBe(true);
    expect(areWiped(plaintexts)).toBe(true);
  });

  it.each(['the connection is reset', 'nobody waits any more'])('%s in mid-answer', async (how) => {
    const { vault, pieces, cut } = await answeringInPart();
    const caller = new AbortController();
    const opened = vault.decrypt(ciphertext, context, caller.signal);
    await until(() => pieces.length > 0);
    if (how === 'the connection is reset') cut();
    else caller.abort();
    expect((await opened).isErr()).toBe(true);
    await until(() => areWiped(pieces));
  });
});
