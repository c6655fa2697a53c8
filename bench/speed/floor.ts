// What `make bench` compares RKMS with: Koa answering with a constant, and the same service written by hand, without access
// control, failover, deadlines, proofs or audit: a read whose ciphertext is cached is one Decrypt; a creation is one
// GenerateDataKey, an Encrypt in each other region and a conditional put. `lean` sends with undici, `sdk` with the AWS SDK.
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import Koa from 'koa';
import { Pool } from 'undici';
import { SigV4Signer } from '#src/adapters/aws/sigv4';

type Kind = 'koa' | 'lean' | 'sdk';
type Fields = Readonly<Record<string, unknown>>;
/** Sends one operation to one region; bytes are base64 with `lean` and Uint8Arrays with `sdk`. */
type Send = (operation: string, region: string, fields: Fields) => Promise<Fields>;

const [kind = 'koa', endpoint = '', kmsKeysJson = '[]'] = process.argv.slice(2) as [Kind?, string?, string?];
const kmsKeys = JSON.parse(kmsKeysJson) as readonly (readonly [region: string, arn: string])[];
const home = kmsKeys[0]?.[0] ?? '';

function lean(): Send {
  const pool = new Pool(endpoint, { connections: 64 });
  const { host } = new URL(endpoint);
  const credentials = { accessKeyId: 'dummy', secretAccessKey: 'dummy' };
  const signers = new Map<string, SigV4Signer>();
  return async (operation, region, fields) => {
    const isStore = operation.endsWith('Item');
    const [service, target, contentType] = isStore
      ? ['dynamodb', `DynamoDB_20120810.${operation}`, 'application/x-amz-json-1.0']
      : ['kms', `TrentService.${operation}`, 'application/x-amz-json-1.1'];
    const signer = signers.get(service + region) ?? new SigV4Signer(region, service);
    signers.set(service + region, signer);
    const body = Buffer.from(JSON.stringify(fields));
    const headers = signer.headersFor({ host, contentType, target, body }, credentials, Date.now());
    const answer = await pool.request({ method: 'POST', path: '/', headers, body });
    if (answer.statusCode !== 200) throw new Error(await answer.body.text());
    return (await answer.body.json()) as Fields;
  };
}

function sdk(): Send {
  const settings = { endpoint, credentials: { accessKeyId: 'dummy', secretAccessKey: 'dummy' } };
  const vaults = new Map(kmsKeys.map(([region]) => [region, new KMSClient({ ...settings, region })]));
  const store = new DynamoDBClient({ ...settings, region: home });
  const kms = { Decrypt: DecryptCommand, Encrypt: EncryptCommand, GenerateDataKey: GenerateDataKeyCommand };
  return async (operation, region, fields) => {
    if (operation === 'GetItem') return { ...(await store.send(new GetItemCommand(fields as never))) };
    if (operation === 'PutItem') return { ...(await store.send(new PutItemCommand(fields as never))) };
    const Command = kms[operation as keyof typeof kms] as typeof DecryptCommand;
    return { ...(await vaults.get(region)?.send(new Command(fields))) };
  };
}

interface Known {
  readonly context: Fields;
  readonly ciphertext: unknown;
}
const cache = new Map<string, Known>();

async function find(send: Send, id: string): Promise<Known | undefined> {
  const Key = { id: { S: id }, version: { N: '1' } };
  const { Item } = await send('GetItem', home, { TableName: 'rkms', ConsistentRead: true, Key });
  type Text = { readonly S: string };
  type Bytes = { readonly M: { readonly bytes: { readonly B: unknown } } };
  const item = Item as { commitment: Text; ciphertexts: { M: Readonly<Record<string, Bytes>> } } | undefined;
  return (
    item && {
      context: contextOf(id, item.commitment.S),
      ciphertext: item.ciphertexts.M[home]?.M.bytes.B,
    }
  );
}

const contextOf = (id: string, commitment: string): Fields => ({
  'rkms:deployment': 'bench',
  'rkms:id': id,
  'rkms:version': '1',
  'rkms:commitment': commitment,
});

async function keyOf(send: Send, id: string): Promise<unknown> {
  const known = cache.get(id) ?? (await find(send, id));
  if (known === undefined) return create(send, id);
  cache.set(id, known);
  const { ciphertext: CiphertextBlob, context: EncryptionContext } = known;
  return (await send('Decrypt', home, { CiphertextBlob, EncryptionContext }))['Plaintext'];
}

async function create(send: Send, id: string): Promise<unknown> {
  const context = { EncryptionContext: contextOf(id, 'none') };
  const generated = await send('GenerateDataKey', home, {
    KeyId: kmsKeys[0]?.[1],
    NumberOfBytes: 32,
    ...context,
  });
  const { Plaintext, CiphertextBlob } = generated;
  const others = await Promise.all(
    kmsKeys.slice(1).map(([region, KeyId]) => send('Encrypt', region, { KeyId, Plaintext, ...context })),
  );
  const blobs = [CiphertextBlob, ...others.map((other) => other['CiphertextBlob'])];
  const M = Object.fromEntries(blobs.map((B, at) => [kmsKeys[at]?.[0] ?? '', { M: { bytes: { B } } }]));
  const Item = { id: { S: id }, version: { N: '1' }, commitment: { S: 'none' }, ciphertexts: { M } };
  await send('PutItem', home, { TableName: 'rkms', Item, ConditionExpression: 'attribute_not_exists(id)' });
  return Plaintext;
}

const constant = { id: 'known/1', version: 1, key: Buffer.alloc(32).toString('base64') };
const send = kind === 'sdk' ? sdk() : lean();
const router = new Router().get('/key', async (ctx) => {
  const id = String(ctx.query['id']);
  const key = kind === 'koa' ? undefined : await keyOf(send, id);
  const text = typeof key === 'string' ? key : Buffer.from((key ?? []) as Uint8Array).toString('base64');
  ctx.body = kind === 'koa' ? constant : { id, version: 1, key: text };
});
const server = new Koa().use(router.routes()).listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.once('disconnect', () => process.exit());
