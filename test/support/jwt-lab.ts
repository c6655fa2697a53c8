// An issuer of tokens that signs whatever it is told, right or wrong: every part of a token is in the test's hand.
import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  sign as signBytes,
  type KeyObject,
} from 'node:crypto';

export type Member = Readonly<Record<string, unknown>>;

/** Made once: keys take their time. */
export const keys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
  otherRsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
  smallRsa: generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey,
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  otherEc: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ec384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ec521: generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  ed: generateKeyPairSync('ed25519').privateKey,
};

export const publicJwk = (key: KeyObject, more: Member = {}): Member => ({
  ...createPublicKey(key).export({ format: 'jwk' }),
  ...more,
});
export const keySetText = (...set: readonly Member[]): string => JSON.stringify({ keys: set });

export const base64url = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');

/** The signature as the algorithm wants it. */
export function signature(alg: string, data: string, key: KeyObject): Buffer {
  const hash = `sha${alg.slice(2)}`;
  const bytes = Buffer.from(data);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  if (alg.startsWith('Ed')) return signBytes(null, bytes, key);
  if (alg.startsWith('ES')) return signBytes(hash, bytes, { key, dsaEncoding: 'ieee-p1363' });
  if (alg.startsWith('PS')) return signBytes(hash, bytes, { key, ...pss });
  return signBytes(hash, bytes, key);
}

/** A token of exactly these texts, signed by `alg` whatever its header says. */
export function signedTexts(
  header: string | Uint8Array,
  payload: string | Uint8Array,
  alg: string,
  key: KeyObject,
): string {
  const data = `${base64url(header)}.${base64url(payload)}`;
  return `${data}.${base64url(signature(alg, data, key))}`;
}

export const signed = (header: Member, payload: Member, alg: string, key: KeyObject): string =>
  signedTexts(JSON.stringify(header), JSON.stringify(payload), alg, key);

/** Signed by a shared secret, as somebody does who takes a public key for one. */
export function hmacSigned(
  alg: 'HS256' | 'HS384' | 'HS512',
  header: Member,
  payload: Member,
  secret: string | Buffer,
): string {
  const data = `${base64url(JSON.stringify({ ...header, alg }))}.${base64url(JSON.stringify(payload))}`;
  return `${data}.${createHmac(`sha${alg.slice(2)}`, secret)
    .update(data)
    .digest('base64url')}`;
}

/** The token with one of its parts changed. */
export function withPart(token: string, index: 0 | 1 | 2, change: (part: string) => string): string {
  const parts = token.split('.');
  parts[index] = change(parts[index] ?? '');
  return parts.join('.');
}
