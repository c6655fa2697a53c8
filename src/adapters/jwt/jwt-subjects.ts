// Maps a verified token to a caller: by its subject, or by its Kubernetes service account. Only exact matches count.
import { z } from 'zod';
import type { CallerId } from '../../domain/ids.js';

/** An identity in the configuration, which belongs to one caller. */
export type JwtSubject = { readonly caller: CallerId; readonly issuer: string } & (
  | { readonly subject: string }
  | { readonly account: string; readonly namespace: string; readonly uid?: string | undefined }
);

export type Claims = Readonly<Record<string, unknown>>;

/** The caller with exactly this subject, or undefined. */
export const callerBySubject = (
  subjects: readonly JwtSubject[],
  issuer: string,
  { sub }: Claims,
): CallerId | undefined =>
  subjects.find((known) => known.issuer === issuer && 'subject' in known && known.subject === sub)?.caller;

const kubernetesClaims = z.object({
  sub: z.string(),
  'kubernetes.io': z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string(), uid: z.string() }),
  }),
});

/** The caller with this service account, or undefined. The claim `sub` must name the same account as the other claims. */
export function callerByServiceAccount(
  subjects: readonly JwtSubject[],
  issuer: string,
  claims: Claims,
): CallerId | undefined {
  const parsed = kubernetesClaims.safeParse(claims);
  if (!parsed.success) return undefined;
  const { sub, 'kubernetes.io': kubernetes } = parsed.data;
  const { namespace, serviceaccount: account } = kubernetes;
  if (sub !== `system:serviceaccount:${namespace}:${account.name}`) return undefined;
  return subjects.find(
    (known) =>
      known.issuer === issuer &&
      'account' in known &&
      known.namespace === namespace &&
      known.account === account.name &&
      (known.uid === undefined || known.uid === account.uid),
  )?.caller;
}
