// The secret half of a played KMS: one symmetric key, AES-256-GCM under it, and the blob which names its key.
// A blob is bound to the key it names and to the encryption context.
// It must never open a blob under another context or key, and never know of HTTP, time or faults.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** What KMS calls EncryptionContext: authenticated, never secret. */
export type EncryptionContext = Readonly<Record<string, string>>;
/** A KMS key, its names and its secret. */
export interface KmsKey {
  readonly region: string;
  readonly account: string;
  readonly keyId: string;
  readonly arn: string;
  readonly alias: string;
  readonly masterKey: Buffer;
}

const MAGIC = Buffer.from([0x01, 0x02, 0x02, 0x00]);
const LENGTH_END = MAGIC.length + 2;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SUM_BYTES = 8;
const checksum = (...parts: readonly Buffer[]): Buffer =>
  parts
    .reduce((hash, part) => hash.update(part), createHash('sha256'))
    .digest()
    .subarray(0, SUM_BYTES);

/** What every name of the key's region and account begins with. */
export const arnPrefix = (key: Pick<KmsKey, 'region' | 'account'>): string =>
  `arn:aws:kms:${key.region}:${key.account}:`;

/** A key id (a UUID) which is always the same for the same seed. */
export function keyIdFrom(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex').slice(0, 32);
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5');
}

/** Makes a region's key: by default always with the same names, but with another secret each time. */
export function makeKey(options: Partial<KmsKey> & Pick<KmsKey, 'region'>): KmsKey {
  const {
    region,
    account = '111122223333',
    keyId = keyIdFrom(region),
    masterKey = randomBytes(32),
  } = options;
  if (masterKey.length !== 32) throw new RangeError('the master key must be 32 bytes long');
  const arn = `${arnPrefix({ region, account })}key/${keyId}`;
  return { region, account, keyId, arn, alias: 'alias/rkms', masterKey };
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

// The one encoding of a context: pairs sorted by name, each part behind its length.
function canonicalContext(context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(pairs.flat().map(lengthPrefixed));
}

/** Encrypts under the key and the context, into a blob which says by which key. */
export function seal(key: KmsKey, plaintext: Buffer, context: EncryptionContext): Buffer {
  const arn = Buffer.from(key.arn, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(arn.length);
  const header = Buffer.concat([MAGIC, length, arn]);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.masterKey, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, canonicalContext(context)]));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const parts = [header, iv, cipher.getAuthTag(), body];
  return Buffer.concat([...parts, checksum(...parts)]);
}

/** A blob taken apart, not yet opened. */
export interface Sealed {
  readonly arn: string;
  readonly header: Buffer;
  readonly iv: Buffer;
  readonly tag: Buffer;
  readonly body: Buffer;
}

/** Takes a blob apart; undefined if no key ever made it: a damaged name must not pass for another key's. */
export function parse(blob: Buffer): Sealed | undefined {
  const [start, sum] = [blob.subarray(0, -SUM_BYTES), blob.subarray(-SUM_BYTES)];
  if (!start.subarray(0, MAGIC.length).equals(MAGIC) || !checksum(start).equals(sum)) return undefined;
  const arnEnd = LENGTH_END + start.readUInt16BE(MAGIC.length);
  const [ivEnd, tagEnd] = [arnEnd + IV_BYTES, arnEnd + IV_BYTES + TAG_BYTES];
  return {
    arn: start.toString('utf8', LENGTH_END, arnEnd),
    header: start.subarray(0, arnEnd),
    iv: start.subarray(arnEnd, ivEnd),
    tag: start.subarray(ivEnd, tagEnd),
    body: start.subarray(tagEnd),
  };
}

/** Opens a blob; undefined if the key, the context or any byte is another. */
export function open(key: KmsKey, sealed: Sealed, context: EncryptionContext): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key.masterKey, sealed.iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([sealed.header, canonicalContext(context)])).setAuthTag(sealed.tag);
  try {
    return Buffer.concat([decipher.update(sealed.body), decipher.final()]);
  } catch {
    return undefined;
  }
}
