// The credentials for AWS: do they exist, where do they come from, and when do they expire? The calls that used them show
// whether they are valid. Never prints any part of them.
import { credentialsError, providerTimedOut } from '../../adapters/aws/credentials-error.js';
import type { AwsCredentials } from '../../adapters/aws/sigv4.js';
import type { CredentialsInvalid } from '../../domain/failures/region-failures.js';
import { causeOf } from './remedies.js';
import { Subject, type Finding } from '../checks/finding.js';
import type { Machine } from './machine.js';

const credentials = new Subject('credentials');

type Provider = () => Promise<AwsCredentials>;
type Identity = AwsCredentials & { readonly $source?: Readonly<Record<string, unknown>> };

/** Where AWS refused a call for its credentials, and the name of the error, for example ` (ExpiredTokenException)`. */
export interface RefusedCredentials {
  readonly where: string;
  readonly cause: string;
}

/** :: part of the SDK's name for a source -> what it is; the first that fits. */
const sources: readonly (readonly [string, string])[] = [
  ['WEB_ID', 'a web identity token, for example from Kubernetes'],
  ['ENV_VARS', 'environment variables'],
  ['IMDS', 'the role of this instance'],
  ['HTTP', 'the credential service of the container'],
  ['SSO', 'single sign-on'],
  ['PROCESS', 'a program that a profile names'],
  ['PROFILE', 'a profile in the home folder'],
];

/**
 * Asks the providers of all regions (`:: region -> provider`), because each region has an STS of its own. Regions with the same
 * result are one finding. Gives up after `limitMs`.
 */
export async function checkSources(
  providers: ReadonlyMap<string, Provider>,
  machine: Machine,
  limitMs: number,
): Promise<readonly Finding[]> {
  const all = await Promise.all(
    [...providers].map(async ([region, provider]) => ({
      region,
      finding: await checkSource(provider, machine, limitMs),
    })),
  );
  const groups = Map.groupBy(all, ({ finding }) =>
    finding.severity === 'broken' ? finding.found : finding.severity,
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { finding } = first;
    if (finding.severity !== 'broken' || group.length === all.length) return [finding];
    const where = group.map(({ region }) => region).join(', ');
    return [{ ...finding, found: `${finding.found}, for ${where}` }];
  });
}

async function checkSource(provider: Provider, machine: Machine, limitMs: number): Promise<Finding> {
  const signal = AbortSignal.timeout(limitMs);
  try {
    const found: Identity = await Promise.race([provider(), silent(signal)]);
    const names = Object.keys(found.$source ?? {});
    const [, source] = sources.find(([part]) => names.some((name) => name.includes(part))) ?? [
      '',
      'the AWS SDK',
    ];
    return judge(source, found, machine);
  } catch (cause) {
    const { message, hint } = signal.aborted ? providerTimedOut(limitMs) : credentialsError(cause);
    return credentials.broken('source', message, hint);
  }
}

function judge(source: string, { expiration, sessionToken }: Identity, machine: Machine): Finding {
  const end = expiration?.getTime();
  const until = end === undefined ? '' : `, until ${new Date(end).toISOString()}`;
  const found = `from ${source}${until}`;
  if (end !== undefined && end <= machine.nowMs()) {
    return credentials.broken(
      'source',
      `${found}: they have expired`,
      'renew them, or check the process that renews them',
    );
  }
  return source === 'environment variables' && sessionToken !== undefined
    ? credentials.warning(
        'source',
        `temporary ones, ${found}: they will expire, and nothing renews them`,
        'give the process a role instead: AWS renews its credentials',
      )
    : credentials.ok('source', found);
}

const silent = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('aborted'));
    });
  });

/** For a check that the credentials made impossible, so that one cause is reported once. */
export const lacksCredentials = (subject: Subject, check: string): Finding =>
  subject.skipped(check, 'not checked: it needs valid credentials');

/** What a call showed about our credentials: `none` when no provider issued any. */
export type CredentialsReport = 'accepted' | 'none' | RefusedCredentials;

/** What the failure of a call to `where` shows about our credentials. */
export const credentialsBy = (where: string, failure: CredentialsInvalid): CredentialsReport =>
  failure.detail === undefined ? { where, cause: causeOf(failure) } : 'none';

/** `refused`: the endpoints that refused the credentials; `asked`: how many endpoints were called. */
export function checkValidity(refused: readonly RefusedCredentials[], asked: number): Finding {
  const [first] = refused;
  if (first === undefined) {
    return asked === 0
      ? credentials.skipped('validity', 'no region could be called')
      : credentials.ok('validity', 'AWS accepts them');
  }
  const where = refused.map((each) => each.where).join(', ');
  return credentials.broken('validity', `refused by ${where}${first.cause}`, hintFor(first.cause));
}

function hintFor(cause: string): string {
  if (cause.includes('Expired'))
    return 'they have expired: renew them, or restart the process that renews them; check the clock';
  if (/Skew|RequestExpired/.test(cause)) return 'the clock is wrong: check the time service of this machine';
  if (cause.includes('Signature'))
    return 'the secret key does not belong to the access key: set both again; check the clock';
  return 'the access key is unknown there: it was deleted or is of another partition, or the account has not opted in to the region';
}
