// AWS for `make bench`, in a process of its own: the KMS of every region and one DynamoDB table behind one port, without any
// latency. The record of an id `known/...` is made when it is asked for, with a data key of its own and real ciphertexts, so
// that a million ids need no million creations. Counts calls; checks no signature.
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { DataKey } from '#src/domain/keys/data-key';
import { encryptionContext } from '#src/domain/keys/encryption-context';
import { newKeyRecord } from '#src/domain/keys/key-record';
import { encodeRecord } from '#src/domain/keys/record-format';
import { firstVersion, parseDeployment, parseKeyId, parseRegion } from '#src/domain/ids';
import { itemOf, type Item } from '#src/adapters/dynamodb/items';
import { onMessages } from './wire.ts';

type Fields = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body: object;
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
const ok = (body: object): Answer => ({ status: 200, body });
const refused = (__type: string, more: object = {}): Answer => ({ status: 400, body: { __type, ...more } });
const bytesIn = (field: unknown): Buffer => Buffer.from(typeof field === 'string' ? field : '', 'base64');

const arnOf = (region: string): string =>
  `arn:aws:kms:${region}:111122223333:key/00000000-0000-4000-8000-000000000000`;
const regions = ['us-east-1', 'us-east-2', 'us-west-2'];
const masterKeys = new Map(regions.map((region) => [region, digest(`master key of ${region}`)]));

/** A ciphertext: filler up to the length of KMS's own, IV, tag, and AES-256-GCM bound to the context. */
const filler = Buffer.alloc(124);
const [ivAt, tagAt, bodyAt] = [124, 136, 152];
const bound = (context: unknown): Buffer => Buffer.from(JSON.stringify(Object.entries(context ?? {}).sort()));

function sealed(region: string, plaintext: Buffer, context: unknown, iv: Buffer = randomBytes(12)): Buffer {
  const cipher = createCipheriv('aes-256-gcm', masterKeys.get(region) ?? '', iv).setAAD(bound(context));
  const body = [cipher.update(plaintext), cipher.final()];
  return Buffer.concat([filler, iv, cipher.getAuthTag(), ...body]);
}

function opened(region: string, blob: Buffer, context: unknown): Answer {
  const decipher = createDecipheriv('aes-256-gcm', masterKeys.get(region) ?? '', blob.subarray(ivAt, tagAt));
  decipher.setAAD(bound(context)).setAuthTag(blob.subarray(tagAt, bodyAt));
  try {
    const plaintext = Buffer.concat([decipher.update(blob.subarray(bodyAt)), decipher.final()]);
    return ok({ KeyId: arnOf(region), Plaintext: plaintext.toString('base64') });
  } catch {
    return refused('InvalidCiphertextException');
  }
}

const deployment = parseDeployment('bench')._unsafeUnwrap();

function knownItem(name: string): Item {
  const id = parseKeyId(name)._unsafeUnwrap();
  const plaintext = digest(`data key of ${id}`);
  const commitment = DataKey.take(new Uint8Array(plaintext))._unsafeUnwrap().commitmentFor(id, firstVersion);
  const context = encryptionContext({ deployment, id, version: firstVersion }, commitment);
  const ciphertexts = regions.map((region) => {
    const bytes = sealed(region, plaintext, context, digest(`${region} ${id}`).subarray(0, 12));
    return { region: parseRegion(region)._unsafeUnwrap(), kmsKey: arnOf(region), bytes };
  });
  const facts = { id, version: firstVersion, commitment, createdAtMs: 0 };
  return itemOf(encodeRecord(newKeyRecord(facts, ciphertexts)));
}

const table = new Map<string, Item>();
const itemAt = (id = ''): Item | undefined =>
  table.get(id) ?? (id.startsWith('known/') ? knownItem(id) : undefined);

function put(item: Item, condition: unknown): Answer {
  const found = itemAt(item['id']?.S);
  // The start check writes under a condition that contradicts itself.
  if (found !== undefined || String(condition).includes('attribute_exists'))
    return refused('ConditionalCheckFailedException', { Item: found });
  table.set(item['id']?.S ?? '', item);
  return ok({});
}

const operations: Readonly<Record<string, (fields: Fields, region: string) => Answer>> = {
  Decrypt: ({ CiphertextBlob, EncryptionContext }, region) =>
    opened(region, bytesIn(CiphertextBlob), EncryptionContext),
  Encrypt: ({ Plaintext, EncryptionContext }, region) => {
    const blob = sealed(region, bytesIn(Plaintext), EncryptionContext);
    return ok({ KeyId: arnOf(region), CiphertextBlob: blob.toString('base64') });
  },
  GenerateDataKey: ({ EncryptionContext }, region) => {
    const plaintext = randomBytes(32);
    const blob = sealed(region, plaintext, EncryptionContext).toString('base64');
    return ok({ KeyId: arnOf(region), Plaintext: plaintext.toString('base64'), CiphertextBlob: blob });
  },
  GetItem: ({ Key }) => ok({ Item: itemAt((Key as Item)['id']?.S) }),
  Scan: () => ok({ Items: [] }),
  PutItem: ({ Item, ConditionExpression }) => put(Item as Item, ConditionExpression),
};

/** Calls since the last question. */
const calls = { kms: 0, store: 0 };
let isStoreSilent = false;

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  onMessages(socket, (head, body) => {
    const service = head.includes('TrentService.') ? 'kms' : 'store';
    calls[service] += 1;
    if (service === 'store' && isStoreSilent) return;
    const operation = /x-amz-target: *\w+\.(\w+)/i.exec(head)?.[1] ?? '';
    const region = /Credential=[^/]+\/\d+\/([\w-]+)/.exec(head)?.[1] ?? '';
    const answered = operations[operation]?.(JSON.parse(body.toString()) as Fields, region);
    const { status, body: fields } = answered ?? refused('UnknownOperationException');
    const text = JSON.stringify(fields);
    const type = `content-type: application/x-amz-json-1.${service === 'kms' ? 1 : 0}`;
    socket.write(`HTTP/1.1 ${status} -\r\n${type}\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${port}`, kmsKeys: regions.map((name) => [name, arnOf(name)]) });
});
process.on('message', (silent: boolean) => {
  isStoreSilent = silent;
  process.send?.({ ...calls });
  Object.assign(calls, { kms: 0, store: 0 });
});
process.once('disconnect', () => process.exit());
