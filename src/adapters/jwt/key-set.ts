// The public keys of an issuer (JWKS, RFC 7517). Decides which key verifies a token: exactly one, or none; it never tries
// several. A member that RKMS would not use (another kind of key, for encryption, malformed, symmetric or private) is
// ignored and never makes the other keys unusable.
import type { JWK } from 'jose';
import { z } from 'zod';

/** The supported signature algorithms, all asymmetric, and the keys that they need. */
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

// Some issuers write absent members as null.
const text = z.string().nullish();
const shared = { kid: text, use: text, alg: text, key_ops: z.array(z.string()).nullish() };
const usableMember = z
  .discriminatedUnion('kty', [
    z.looseObject({ kty: z.literal('RSA'), n: z.string(), e: z.string(), ...shared }),
    z.looseObject({ kty: z.literal('EC'), crv: z.string(), x: z.string(), y: z.string(), ...shared }),
    z.looseObject({ kty: z.literal('OKP'), crv: z.string(), x: z.string(), ...shared }),
  ])
  // A private key that was published is compromised, and `k` is a shared secret.
  .refine((key) => !('d' in key) && !('k' in key));
const keySet = z.object({ keys: z.array(z.unknown()) });

/** A member of a set that RKMS could use, with all its properties. */
export type SetMember = z.infer<typeof usableMember>;
export type KeySet = readonly SetMember[];

/** The members that RKMS could use. Undefined if the text is not a JWKS, or has no such member. A BOM is ignored. */
export function parseKeySet(json: string): KeySet | undefined {
  try {
    const { data } = keySet.safeParse(JSON.parse(json.replace(/^\ufeff/, '')));
    const members = data?.keys.flatMap((member) => usableMember.safeParse(member).data ?? []);
    return members?.length === 0 ? undefined : members;
  } catch {
    return undefined;
  }
}

/**
 * The key for a token with this header, as jose takes it. Keys that do not fit the algorithm are out first (`kty`, `crv`,
 * `use`, `key_ops`, `alg`), then those with another `kid`. Undefined if none or more than one different key remains.
 */
export function keyFor(
  keys: KeySet,
  { alg, kid }: { readonly alg: Algorithm; readonly kid: string | undefined },
): JWK | undefined {
  const fitting = keys.filter((key) => fits(key, alg) && (kid === undefined || key.kid === kid));
  const distinct = new Map(fitting.map((key) => [JSON.stringify(materialOf(key)), key]));
  const [key, second] = distinct.values();
  return key === undefined || second !== undefined
    ? undefined
    : { ...materialOf(key), ...(typeof key.kid === 'string' && { kid: key.kid }) };
}

/** The public key itself, without the properties that say what it is for. */
function materialOf(key: SetMember): JWK {
  if (key.kty === 'RSA') return { kty: key.kty, n: key.n, e: key.e };
  if (key.kty === 'EC') return { kty: key.kty, crv: key.crv, x: key.x, y: key.y };
  return { kty: key.kty, crv: key.crv, x: key.x };
}

function fits(key: SetMember, alg: Algorithm): boolean {
  const needed: { readonly kty: string; readonly crv?: string } = algorithms[alg];
  const isOfKind = key.kty === needed.kty && (needed.crv === undefined || key.crv === needed.crv);
  const isForVerifying = (key.use ?? 'sig') === 'sig' && (key.key_ops?.includes('verify') ?? true);
  return isOfKind && isForVerifying && canonical(key.alg ?? alg) === canonical(alg);
}

/** RFC 9864 renames EdDSA with Ed25519 to Ed25519; both names mean the same signature. */
const canonical = (alg: string): string => (alg === 'EdDSA' ? 'Ed25519' : alg);
