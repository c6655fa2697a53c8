// What went wrong in the chain of credential providers: who refused, with which error, and what to do. A wrapper, because the
// names of these errors (AccessDenied, ECONNREFUSED) would otherwise be read as answers of the service that was to be called.
// Uses names, codes, hosts and paths only; the text of an error may quote a token and is never read.

interface Advice {
  readonly message: string;
  readonly hint: string;
  /** Whether the same providers may succeed later without any change. */
  readonly isTemporary: boolean;
}

/** No provider gave credentials. `message` and `hint` are ours, and safe to print and log. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
  readonly hint: string;
  readonly isTemporary: boolean;

  constructor({ message, hint, isTemporary }: Advice, cause?: unknown) {
    super(message, { cause });
    this.hint = hint;
    this.isTemporary = isTemporary;
  }
}

/** Never throws. `error` is what a provider, or the chain of all of them, rejected with. */
export function credentialsError(error: unknown): CredentialsError {
  if (error instanceof CredentialsError) return error;
  const facts = factsOf(error);
  const advice = ofService(error, facts.name) ?? ofSystem(facts) ?? noneFound(facts.name);
  return new CredentialsError(advice, error);
}

/** What to do about a failure that the providers caused; undefined for any other failure. */
export const credentialsAdvice = (failure: object): string | undefined =>
  'cause' in failure && failure.cause instanceof CredentialsError ? failure.cause.hint : undefined;

export const providerTimedOut = (limitMs: number): CredentialsError =>
  new CredentialsError({
    message: `the credential provider did not answer within ${limitMs} ms`,
    hint: 'check the network path to STS, or to the metadata service of the instance or the container',
    isTemporary: true,
  });

const noneFound = (name: string): Advice => ({
  message: `no AWS credentials were found${name === 'CredentialsProviderError' ? '' : ` (${name})`}`,
  hint: 'give the process a role (of the instance, the task or the service account), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  isTemporary: false,
});

/** :: what STS answers, without `Exception` -> what to do. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
const stsHints: ReadonlyMap<string, string> = new Map(
  Object.entries({
    InvalidIdentityToken:
      'the issuer of the web identity token must be an identity provider in IAM, with the audience of the token; then check the trust policy of the role',
    IDPRejectedClaim:
      'the issuer rejects the web identity token: check what writes AWS_WEB_IDENTITY_TOKEN_FILE',
    IDPCommunicationError:
      'STS cannot read the keys of the issuer of the web identity token: its discovery document must be reachable from AWS',
    RegionDisabled:
      'activate STS for this region in the account settings of IAM, and the region itself in the account',
    ExpiredToken:
      'the token or the credentials that STS was asked with have expired: check what renews them, and the clock',
  }),
);
const trustPolicy =
  'check the role (AWS_ROLE_ARN, or role_arn of the profile) and its trust policy: it must allow this identity to assume the role';

/** What another answer than success of STS or of single sign-on means. */
function ofService(error: unknown, name: string): Advice | undefined {
  const service = serviceOf(error);
  if (service === undefined) return undefined;
  const status = statusOf(error);
  const isTemporary = status === 429 || status >= 500 || /Throttl|IDPCommunication/.test(name);
  if (service !== 'STS') {
    const hint = 'sign in again: aws sso login, or aws login';
    return { message: `${service} refuses to issue credentials (${name})`, hint, isTemporary };
  }
  const hint = stsHints.get(name.replace(/Exception$/, '')) ?? trustPolicy;
  return { message: `STS refuses to issue credentials for the role (${name})`, hint, isTemporary };
}

function ofSystem({ code, path, hostname }: ErrorFacts): Advice | undefined {
  if (code === undefined) return undefined;
  if (path !== undefined) {
    const hint =
      'check the file and its permissions: the variables AWS_*_FILE and the profile name such files';
    return { message: `a file with credentials cannot be read (${code}): ${path}`, hint, isTemporary: false };
  }
  return {
    message: `the credential provider${hostname === undefined ? '' : ` ${hostname}`} cannot be reached (${code})`,
    hint: 'check DNS, routes, firewall and VPC endpoint for STS, or for the metadata service',
    isTemporary: true,
  };
}

/** As `STS`: the SDK derives the errors of each service from one class, `STSServiceException`. */
function serviceOf(error: unknown): string | undefined {
  for (let type = protoOf(error); type !== null; type = protoOf(type)) {
    const [, service] = /^(.+)ServiceException$/.exec(type.constructor.name) ?? [];
    if (service !== undefined) return service;
  }
  return undefined;
}

const protoOf = (value: unknown): object | null =>
  typeof value === 'object' && value !== null ? (Object.getPrototypeOf(value) as object | null) : null;

function statusOf(error: unknown): number {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return $metadata?.httpStatusCode ?? 0;
}

interface ErrorFacts {
  readonly name: string;
  readonly code: string | undefined;
  readonly path: string | undefined;
  readonly hostname: string | undefined;
}

function factsOf(error: unknown): ErrorFacts {
  const text = (name: string): string | undefined => {
    const value: unknown = error instanceof Error && name in error ? error[name as keyof Error] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const name = error instanceof Error ? error.name : typeof error;
  return { name, code: text('code'), path: text('path'), hostname: text('hostname') };
}
