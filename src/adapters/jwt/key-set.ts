// The public keys of an issuer (RFC 7517), and which of them a token was signed with. One key or none: a set in which two
// keys fit is not guessed about. Symmetric keys are never looked at, so a public key cannot be taken for a shared secret.
import type { JWK } from 'jose';
import { z } from 'zod';

/** How a token may be signed: with a private key that this service does not have. */
export const algorithms = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
} as const;
export type Algorithm = keyof typeof algorithms;

const publicKey = z.looseObject({
  kty: z.string(),
  kid: z.string().optional(),
  use: z.string().optional(),
  alg: z.string().optional(),
  crv: z.string().optional(),
});
/** A private key that somebody published is no longer anybody's; a set that holds one is not used at all. */
const hasNoSecret = (key: object): boolean => !('d' in key) && !('k' in key);
const keySet = z.object({ keys: z.array(publicKey.refine(hasNoSecret)).min(1).max(100) });

/** With the members that its kind has; jose reads those, and judges them. */
export type PublicKey = JWK & { readonly kty: string };
export type KeySet = readonly PublicKey[];

/** Undefined for whatever is no set of public keys. */
export function parseKeySet(text: string): KeySet | undefined {
  try {
    return keySet.safeParse(JSON.parse(text)).data?.keys as KeySet | undefined;
  } catch {
    return undefined;
  }
}

/** The one key for a token with this header. Without `kid` there must be no choice. */
export function keyFor(
  keys: KeySet,
  { alg, kid }: { alg: Algorithm; kid: string | undefined },
): PublicKey | undefined {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  const [key, second] = named;
  return key !== undefined && second === undefined && fits(key, alg) ? key : undefined;
}

function fits({ kty, crv, use = 'sig', alg: only }: PublicKey, alg: Algorithm): boolean {
  const needed: { readonly kty: string; readonly crv?: string } = algorithms[alg];
  const isOfKind = kty === needed.kty && (needed.crv === undefined || crv === needed.crv);
  return isOfKind && use === 'sig' && (only === undefined || only === alg);
}
