// Checks the form of a token before anything else: exactly three parts, each in canonical base64url, and a header without
// extensions. The result is not authenticated: nothing in it may be trusted before the signature is verified.
import { strictObject } from './strict-json.js';

/** In characters. Larger than any token meant for an HTTP header. */
export const maxJwtLength = 8_192;

export interface UnverifiedJwt {
  readonly text: string;
  readonly alg: string;
  readonly kid: string | undefined;
  /** In lower case. */
  readonly typ: string | undefined;
  /** The claim `iss`. */
  readonly issuer: string;
}

/** A token must neither bring its own key nor change how it is processed. */
const refusedMembers = ['crit', 'b64', 'enc', 'zip', 'jwk', 'jku', 'x5c', 'x5u'];

/** The token in an `Authorization` header, or undefined if there is none in the right form. */
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

/** The bytes of base64url without padding; undefined if this is not their canonical encoding. */
function canonicalBytes(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}
