// The look at a token before anything is done with it: exactly three parts, each written in the one way it can be written,
// and a header that asks for nothing out of the ordinary. What passes is still nobody's word: the signature comes after.
import { strictObject } from './strict-json.js';

/** In characters. Larger than any token that is meant for a header. */
export const maxJwtLength = 8_192;

export interface UnverifiedJwt {
  readonly text: string;
  readonly alg: string;
  readonly kid: string | undefined;
  /** In lower case. */
  readonly typ: string | undefined;
  /** Whom the token names as its issuer. */
  readonly issuer: string;
}

/** A token brings no key with it, and no rule of how it is to be read. */
const refusedMembers = ['crit', 'b64', 'enc', 'zip', 'jwk', 'jku', 'x5c', 'x5u'];

/** The token in an `Authorization` header, or undefined when it holds none of the right form. */
export function unverifiedJwt(header: string | undefined): UnverifiedJwt | undefined {
  const [, text = ''] = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header ?? '') ?? [];
  if (text === '' || text.length > maxJwtLength) return undefined;
  const parts = text.split('.').map(canonicalBytes);
  const [head, payload, signature] = parts;
  if (head === undefined || payload === undefined || signature === undefined) return undefined;
  const { alg, kid, typ, ...others } = strictObject(head) ?? {};
  const { iss: issuer } = strictObject(payload) ?? {};
  if (typeof alg !== 'string' || typeof issuer !== 'string') return undefined;
  if (!isTextOrAbsent(kid) || !isTextOrAbsent(typ)) return undefined;
  if (refusedMembers.some((name) => name in others)) return undefined;
  return { text, alg, kid, typ: typ?.toLowerCase(), issuer };
}

const isTextOrAbsent = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value !== '' && value.length <= 256);

/** The bytes of base64url without padding; undefined when they could also be written differently. */
function canonicalBytes(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}
