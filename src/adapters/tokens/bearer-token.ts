// The form of a bearer token: rkms_<public id, 12>_<secret, 43>_<checksum, 6>. Prefix and checksum let secret scanners find a
// leaked token; the checksum does not protect it. The secret is 256 random bits. It is shown once and never stored.
import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

export interface BearerToken {
  /** Identifies the token's entry in the token file; not secret. 12 characters of base62. */
  readonly publicId: string;
  /** SHA-256 of the secret's text, 32 bytes. A slow hash is not needed: a secret of 256 random bits cannot be guessed. */
  readonly secretDigest: Buffer;
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const shape = /^(rkms_([0-9A-Za-z]{12})_([A-Za-z0-9_-]{43}))_([0-9A-Za-z]{6})$/;

/** A new token: `text` for the caller, and the fields to store. */
export function makeBearerToken(): BearerToken & { readonly text: string } {
  const publicId = randomDigits() + randomDigits();
  const secret = randomBytes(32).toString('base64url');
  const body = `rkms_${publicId}_${secret}`;
  return { publicId, secretDigest: digestOf(secret), text: `${body}_${checksumOf(body)}` };
}

/** The token in the value of an `Authorization` header; undefined for any other form, and for a wrong checksum. */
export function parseAuthorization(header: string | undefined): BearerToken | undefined {
  const [, text = ''] = /^Bearer ([!-~]+)$/i.exec(header ?? '') ?? [];
  const [, body = '', publicId = '', secret = '', checksum] = shape.exec(text) ?? [];
  if (checksum === undefined || checksumOf(body) !== checksum) return undefined;
  return { publicId, secretDigest: digestOf(secret) };
}

const digestOf = (secret: string): Buffer => hash('sha256', secret, 'buffer');

/** CRC-32 in base62: at most 6 digits, because 62^6 > 2^32. */
const checksumOf = (body: string): string => base62(crc32(body), 6);

const randomDigits = (): string => base62(randomBytes(6).readUIntBE(0, 6), 6);

function base62(value: number, digits: number): string {
  let text = '';
  for (let rest = value; text.length < digits; rest = Math.floor(rest / 62)) {
    text = alphabet.charAt(rest % 62) + text;
  }
  return text;
}
