// The credentials for AWS: do they exist, where do they come from, and when do they expire? The calls that used them show
// whether they are valid. Never prints any part of them.
import type { AwsCredentials } from '../../adapters/aws/sigv4.js';
import { Subject, type Finding } from '../checks/finding.js';
import type { Machine } from './machine.js';

const credentials = new Subject('credentials');

type Provider = () => Promise<AwsCredentials>;
type Identity = AwsCredentials & { readonly $source?: Readonly<Record<string, unknown>> };

/** Where a call was refused, and the name of the error, for example ` (ExpiredTokenException)`. */
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

/** Gives up when the signal fires. */
export async function checkSource(
  provider: Provider,
  machine: Machine,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const found: Identity = await Promise.race([provider(), silent(signal)]);
    const names = Object.keys(found.$source ?? {});
    const [, source] = sources.find(([part]) => names.some((name) => name.includes(part))) ?? [
      '',
      'the AWS SDK',
    ];
    return judge(source, found, machine);
  } catch {
    return credentials.broken(
      'source',
      signal.aborted ? 'their source does not answer' : 'none were found',
      'give the process a role (of the instance, the task or the service account), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
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
