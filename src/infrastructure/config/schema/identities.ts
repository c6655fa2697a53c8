// The identities of callers that others issue: names in client certificates, subjects of JWT issuers, service accounts of
// Kubernetes. Each identity belongs to exactly one caller; otherwise the configuration is refused.
import { z } from 'zod';
import type { CertificateNames } from '../../../adapters/certificates/certificate-authenticator.js';
import type { JwtSubject } from '../../../adapters/jwt/jwt-subjects.js';
import type { CallerId } from '../../../domain/ids.js';
import type { ConfigProblem } from './problems.js';
import { listOf, text } from './rules.js';
import { fieldOf, listIn, type Raw } from './raw-config.js';

const certificateRule =
  '"uri:" and a URI, as "uri:spiffe://prod/billing", or "dns:" and a host name in lower case without "*"';
const certificateName = z
  .string({ error: certificateRule })
  .regex(
    /^(uri:[a-z][a-z0-9+.-]*:[!#-~]+|dns:[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$/,
    { error: certificateRule },
  )
  .meta({ expected: certificateRule });

const issuerOf = text('the issuer of an [[issuers]] table').describe('Who issues the tokens.');
const label = (expected: string) =>
  z
    .string({ error: expected })
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, { error: expected })
    .meta({ expected });

const subject = z.strictObject(
  {
    issuer: issuerOf,
    subject: text('the claim "sub" of its tokens').describe('The subject that stands for this caller.'),
  },
  { error: tableRule('issuer and subject') },
);
const serviceAccount = z.strictObject(
  {
    issuer: issuerOf,
    namespace: label('the name of a namespace').describe('The namespace of the service account.'),
    name: label('the name of a service account').describe('The service account.'),
    uid: text('the uid of the service account').optional().meta({
      description: 'This one alone, and not another that is made later by the same name.',
      whenUnset: 'any',
    }),
  },
  { error: tableRule('issuer, namespace and name') },
);

/** The options of a [[callers]] table that say how the caller is recognised. */
export const identityOptions = {
  certificates: listOf(certificateName, `a list of ${certificateRule}`)
    .optional()
    .describe('Names in client certificates that stand for this caller. See docs/authentication.md.'),
  subjects: listOf(subject, `a list of tables with issuer and subject`)
    .optional()
    .describe('Subjects of issuers that stand for this caller.'),
  service_accounts: listOf(serviceAccount, 'a list of tables with issuer, namespace and name')
    .optional()
    .describe('Service accounts of Kubernetes that stand for this caller.'),
};

function tableRule(keys: string) {
  return ({ code }: { readonly code?: string }): string | undefined =>
    code === 'invalid_type' ? `a table with ${keys}` : undefined;
}

interface Identified {
  readonly name: CallerId;
  readonly certificates?: readonly string[] | undefined;
  readonly subjects?: readonly z.infer<typeof subject>[] | undefined;
  readonly service_accounts?: readonly z.infer<typeof serviceAccount>[] | undefined;
}

export const certificateNames = (callers: readonly Identified[] = []): CertificateNames =>
  new Map(
    callers.flatMap(({ name, certificates = [] }) => certificates.map((known) => [known, name] as const)),
  );

export const jwtSubjects = (callers: readonly Identified[] = []): readonly JwtSubject[] =>
  callers.flatMap(({ name, subjects = [], service_accounts: accounts = [] }) => [
    ...subjects.map((known) => ({ caller: name, ...known })),
    ...accounts.map(({ name: account, ...known }) => ({ caller: name, account, ...known })),
  ]);

/** Whether the caller needs no token. */
export const isRecognised = (callers: readonly Identified[] = [], caller: CallerId): boolean =>
  [...certificateNames(callers).values(), ...jwtSubjects(callers).map((known) => known.caller)].includes(
    caller,
  );

/** From the raw file: identities of two callers, and issuers that are not configured or are of another kind. */
export function identityProblems({ callers, issuers }: Raw): readonly ConfigProblem[] {
  const places = listIn(callers).flatMap((caller, at) => [
    ...placesIn(caller, `callers[${at}]`, 'certificates', (name) => String(name)),
    ...placesIn(caller, `callers[${at}]`, 'subjects', (each) => keyOf(each, 'issuer', 'subject')),
    ...placesIn(caller, `callers[${at}]`, 'service_accounts', (each) =>
      keyOf(each, 'issuer', 'namespace', 'name'),
    ),
  ]);
  const twice = places.filter(({ what }, index) => places.findIndex((other) => other.what === what) < index);
  return [
    ...twice.map(({ path }) => ({
      path,
      found: 'what stands for a caller already',
      expected: 'each of them once',
    })),
    ...places.flatMap((place) => issuerProblem(place, listIn(issuers))),
  ];
}

interface Place {
  readonly path: string;
  readonly kind: keyof typeof identityOptions;
  readonly what: string;
  readonly value: unknown;
}

const placesIn = (
  caller: unknown,
  path: string,
  kind: Place['kind'],
  nameOf: (value: unknown) => string,
): readonly Place[] =>
  listIn(fieldOf(caller, kind)).map((value, index) => ({
    path: `${path}.${kind}[${index}]`,
    kind,
    what: `${kind} ${nameOf(value)}`,
    value,
  }));

const keyOf = (table: unknown, ...names: readonly string[]): string =>
  JSON.stringify(names.map((name) => fieldOf(table, name)));

function issuerProblem({ path, kind, value }: Place, issuers: readonly unknown[]): readonly ConfigProblem[] {
  const wanted = fieldOf(value, 'issuer');
  if (kind === 'certificates' || typeof wanted !== 'string') return [];
  const issuer = issuers.find((each) => fieldOf(each, 'issuer') === wanted);
  const kubernetes = fieldOf(issuer, 'kubernetes') === true;
  if (issuer !== undefined && kubernetes === (kind === 'service_accounts')) return [];
  const sort = kind === 'service_accounts' ? 'with kubernetes = true' : 'without kubernetes = true';
  return [
    {
      path: `${path}.issuer`,
      found: JSON.stringify(wanted),
      expected: `the issuer of an [[issuers]] table ${sort}`,
    },
  ];
}
