// Which environment variables of the AWS SDK have an effect on RKMS: some say how credentials are obtained, all others are
// overridden or have none. `rkms config show` prints this list for the variables that are set; docs/aws-settings.md has all.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './environment.js';
import { usesAws, type Config } from './config.js';
import { proxyVariable } from './schema/unsafe-rules.js';

/**
 * `credentials`: honoured, where credentials are obtained. `overridden`: RKMS sets the value itself. `none`: nothing that RKMS
 * uses reads it. `refused`: prevents the start unless the configuration allows it.
 */
export type AwsEffect = 'credentials' | 'overridden' | 'none' | 'refused';

interface Rule {
  readonly names: RegExp;
  readonly effect: AwsEffect;
  readonly isSecret?: true;
}

/** The first rule that fits. Any other variable `AWS_...` has no effect. Settings of the SDK of the versions in package.json. */
const rules: readonly Rule[] = [
  {
    names: /^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|CONTAINER_AUTHORIZATION_TOKEN)$/,
    effect: 'credentials',
    isSecret: true,
  },
  {
    names:
      /^AWS_(ACCOUNT_ID|CREDENTIAL_EXPIRATION|PROFILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|LOGIN_CACHE_DIRECTORY)$/,
    effect: 'credentials',
  },
  { names: /^AWS_(ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE)$/, effect: 'credentials' },
  {
    names: /^AWS_CONTAINER_(CREDENTIALS_(RELATIVE|FULL)_URI|AUTHORIZATION_TOKEN_FILE)$/,
    effect: 'credentials',
  },
  {
    names: /^AWS_EC2_METADATA_(DISABLED|V1_DISABLED|SERVICE_ENDPOINT|SERVICE_ENDPOINT_MODE)$/,
    effect: 'credentials',
  },
  {
    names: /^AWS_(USE_FIPS|USE_DUALSTACK)_ENDPOINT$|^AWS_IGNORE_CONFIGURED_ENDPOINT_URLS$/,
    effect: 'credentials',
  },
  { names: /^AWS_ENDPOINT_URL(_.*)?$/, effect: 'refused' },
  { names: /^AWS_(DEFAULT_)?REGION$|^AWS_(RETRY_MODE|MAX_ATTEMPTS|DEFAULTS_MODE)$/, effect: 'overridden' },
  {
    names: /^AWS_(ACCOUNT_ID_ENDPOINT_MODE|AUTH_SCHEME_PREFERENCE|SIGV4A_SIGNING_REGION_SET)$/,
    effect: 'overridden',
  },
  { names: /^AWS_(ENABLE_ENDPOINT_DISCOVERY|ENDPOINT_DISCOVERY_ENABLED)$/, effect: 'overridden' },
  { names: /^AWS_(SDK_UA_APP_ID|DISABLE_CLOCK_SKEW_CORRECTION)$/, effect: 'overridden' },
  { names: /^AWS_BEARER_TOKEN_.+$/, effect: 'overridden', isSecret: true },
];

export interface AwsVariable {
  readonly name: string;
  /** Undefined for a secret. */
  readonly value?: string;
  readonly effect: AwsEffect;
}

/** The variables of the AWS SDK that are set, by name. */
export const awsVariables = (environment: Environment): readonly AwsVariable[] =>
  Object.entries(environment)
    .filter(([name, value]) => name.startsWith('AWS_') && value !== undefined && value !== '')
    .map(([name, value = '']): AwsVariable => {
      const rule = rules.find(({ names }) => names.test(name));
      return { name, ...(!rule?.isSecret && { value }), effect: rule?.effect ?? 'none' };
    })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));

interface Ignored {
  readonly names: RegExp;
  readonly why: string;
}

/** What people set for AWS, and what does nothing here: they must not believe that it does. */
const ignored: readonly Ignored[] = [
  {
    names: proxyVariable,
    why: 'proxies are not supported: RKMS connects to AWS directly. Use VPC endpoints or a NAT gateway',
  },
  { names: /^AWS_CA_BUNDLE$/, why: 'it is not read: authorities for AWS are those of Node' },
];

const ignoredDualStack =
  'only credentials are obtained over dual-stack endpoints. For KMS and DynamoDB, set endpoint';

/** Variables that have no effect although they look as if they had, each with why. */
export const variablesWithoutEffect = (
  environment: Environment,
  config: Pick<Config, 'store' | 'regions'>,
): readonly { readonly name: string; readonly why: string }[] =>
  usesAws(config)
    ? [
        ...Object.entries(environment).flatMap(([name, value = '']) =>
          ignored.filter((each) => each.names.test(name) && value !== '').map(({ why }) => ({ name, why })),
        ),
        ...sdkSetting(environment, 'use_dualstack_endpoint').map((name) => ({ name, why: ignoredDualStack })),
      ]
    : [];

export const fipsHint =
  'set endpoint for each, for example "https://kms-fips.us-east-1.amazonaws.com" and "https://dynamodb-fips.us-east-1.amazonaws.com", or remove the setting';

/** Where FIPS endpoints are demanded while some endpoint follows from the name of its region; undefined where they are not. */
export function lacksFipsEndpoints(config: Config, environment: Environment): string | undefined {
  if (!usesAws(config)) return undefined;
  const ofStore = config.store.kind === 'dynamodb' ? config.store.regions : [];
  const places = [...config.regions.filter((region) => region.vault === 'aws-kms'), ...ofStore];
  const isComplete = places.every(({ endpoint }) => endpoint !== undefined);
  return isComplete ? undefined : sdkSetting(environment, 'use_fips_endpoint')[0];
}

/** Names the variable, or the setting in the SDK's configuration file, that is true. As in the SDK, the variable wins. */
function sdkSetting(environment: Environment, setting: string): readonly string[] {
  const variable = `AWS_${setting.toUpperCase()}`;
  const value = environment[variable] ?? '';
  if (value !== '') return /^true$/i.test(value) ? [variable] : [];
  const { AWS_CONFIG_FILE: named, HOME: home, AWS_PROFILE: profile = 'default' } = environment;
  const file = named ?? (home === undefined ? undefined : join(home, '.aws', 'config'));
  if (file === undefined) return [];
  return /^true$/i.test(inProfile(textOf(file), profile, setting) ?? '') ? [`${setting} in ${file}`] : [];
}

/** The value of a setting in the section of a profile: `[default]`, or `[profile name]`. */
function inProfile(text: string, profile: string, setting: string): string | undefined {
  let isIn = false;
  let value: string | undefined;
  for (const line of text.split('\n')) {
    const [, name] = /^\s*\[\s*(?:profile\s+)?["']?(.*?)["']?\s*\]/.exec(line) ?? [];
    if (name !== undefined) isIn = name === profile;
    const [, key, given] = /^\s*(\w+)\s*=\s*([^\s#;]*)/.exec(line) ?? [];
    if (isIn && key === setting) value = given;
  }
  return value;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // As the SDK, which reads no file that it cannot read.
    return '';
  }
}
