// No setting of the AWS SDK in the environment or the home folder changes a call to KMS or DynamoDB: with each of them, the same
// requests reach the same host. The endpoint is played.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { RegionalClients } from '../../../src/adapters/aws/regional-clients.js';
import { dynamoDbSdkClient, kmsSdkClient } from '../../../src/adapters/aws/sdk-clients.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { awsVariables } from '../../../src/infrastructure/config/aws-environment.js';
import { Leftovers } from '../../support/leftovers.js';
import { awsError, startScriptedAws, type ScriptedAws } from '../../support/scripted-aws.js';

const leftovers = new Leftovers();
const original = process.env;
const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
let aws: ScriptedAws;
let files = 0;

beforeAll(async () => {
  aws = await startScriptedAws(() => awsError('ThrottlingException'));
  leftovers.add(() => aws.stop());
});
beforeEach(() => {
  aws.requests.length = 0;
});
afterAll(async () => {
  process.env = original;
  await leftovers.clear();
});

/** The SDK remembers files by their path, so each has another one. */
function configFile(lines: string): string {
  files += 1;
  const path = join(leftovers.folder(), `config-${files}`);
  writeFileSync(path, `[default]\n${lines}\n[services all]\nkms =\n  endpoint_url = http://127.0.0.1:1\n`);
  return path;
}

/** What differs from request to request by itself. */
const changing = /^(x-amz-date|amz-sdk-invocation-id|content-length|connection)$/;

interface Seen {
  readonly requests: readonly unknown[];
  readonly endpoints: readonly unknown[];
}

/** One call of the hot path and of the SDK to each service, and where the SDK would go without an endpoint. */
async function seenWith(environment: Record<string, string>, ini = ''): Promise<Seen> {
  process.env = {
    PATH: original['PATH'],
    HOME: leftovers.folder(),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: configFile(ini),
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    ...keys,
    ...environment,
  };
  const connection = { region: 'eu-west-1', connectTimeoutMs: 5_000, maxSockets: 2 };
  const here = { ...connection, endpoint: aws.endpoint };
  const clients = new RegionalClients(systemClock, () => undefined);
  const [kms, dynamodb] = [kmsSdkClient(clients, here), dynamoDbSdkClient(clients, here)];
  const lean = [clients.client('kms', here), clients.client('dynamodb', here)] as const;
  const signal = AbortSignal.timeout(20_000);
  for (const call of [
    () => kms.send(new DescribeKeyCommand({ KeyId: 'alias/a' }), { abortSignal: signal }),
    () => dynamodb.send(new DescribeTableCommand({ TableName: 'rkms' }), { abortSignal: signal }),
    () => lean[0].call('Decrypt', Buffer.from('{}'), signal),
    () => lean[1].call('GetItem', Buffer.from('{}'), signal),
  ])
    await expect(call()).rejects.toThrow('no');
  await Promise.all(lean.map((client) => client.close()));
  const byName = [kmsSdkClient(clients, connection), dynamoDbSdkClient(clients, connection)];
  return { requests: aws.requests.splice(0).map(facts), endpoints: await Promise.all(byName.map(hostOf)) };
}

function facts({ operation, headers, body }: ScriptedAws['requests'][number]): unknown {
  const kept = Object.entries(headers).filter(([name]) => !changing.test(name));
  // The SDK counts the features that it uses in `m/` of its user agent.
  const scope = (text: string): string =>
    text.replace(/Signature=.*| m\/[\w,]+/, '').replace(/\/\d{8}\//, '/day/');
  return {
    operation,
    body,
    headers: Object.fromEntries(kept.map(([name, value]) => [name, scope(value)])),
  };
}

const hostOf = async ({ config }: KMSClient | DynamoDBClient): Promise<string | undefined> =>
  (await config.endpoint?.())?.hostname;

/** :: setting -> the variable and its value; the line in the home folder */
const settings: readonly (readonly [string, Record<string, string>, string])[] = [
  ['another endpoint', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, 'endpoint_url = http://127.0.0.1:1'],
  ['another endpoint of KMS', { AWS_ENDPOINT_URL_KMS: 'http://127.0.0.1:1' }, 'services = all'],
  [
    'endpoints ignored',
    { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
    'ignore_configured_endpoint_urls = true',
  ],
  ['FIPS', { AWS_USE_FIPS_ENDPOINT: 'true' }, 'use_fips_endpoint = true'],
  ['dual-stack', { AWS_USE_DUALSTACK_ENDPOINT: 'true' }, 'use_dualstack_endpoint = true'],
  ['the region', { AWS_REGION: 'us-west-2', AWS_DEFAULT_REGION: 'us-west-2' }, 'region = us-west-2'],
  ['adaptive retries', { AWS_RETRY_MODE: 'adaptive' }, 'retry_mode = adaptive'],
  ['more attempts', { AWS_MAX_ATTEMPTS: '5' }, 'max_attempts = 5'],
  ['the defaults mode', { AWS_DEFAULTS_MODE: 'mobile' }, 'defaults_mode = mobile'],
  [
    'hosts by account',
    { AWS_ACCOUNT_ID: '111122223333', AWS_ACCOUNT_ID_ENDPOINT_MODE: 'required' },
    'account_id_endpoint_mode = required',
  ],
  ['endpoint discovery', { AWS_ENABLE_ENDPOINT_DISCOVERY: 'true' }, 'endpoint_discovery_enabled = true'],
  ['the scheme of signatures', { AWS_AUTH_SCHEME_PREFERENCE: 'sigv4a' }, 'auth_scheme_preference = sigv4a'],
  ['a bearer token', { AWS_BEARER_TOKEN_KMS: 'bearer', AWS_BEARER_TOKEN_DYNAMODB: 'bearer' }, ''],
  ['regions of SigV4a', { AWS_SIGV4A_SIGNING_REGION_SET: '*' }, 'sigv4a_signing_region_set = *'],
  ['an application id', { AWS_SDK_UA_APP_ID: 'mine' }, 'sdk_ua_app_id = mine'],
  [
    'no clock skew correction',
    { AWS_DISABLE_CLOCK_SKEW_CORRECTION: 'true' },
    'disable_clock_skew_correction = true',
  ],
  [
    'checksums',
    { AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required', AWS_RESPONSE_CHECKSUM_VALIDATION: 'when_required' },
    'request_checksum_calculation = when_required',
  ],
  [
    'compression',
    { AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES: '1', AWS_DISABLE_REQUEST_COMPRESSION: 'false' },
    'request_min_compression_size_bytes = 1',
  ],
  ['authorities', { AWS_CA_BUNDLE: '/nowhere.pem' }, 'ca_bundle = /nowhere.pem'],
  ['proxies', { HTTPS_PROXY: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' }, ''],
  ['a trace of Lambda', { AWS_LAMBDA_FUNCTION_NAME: 'f' }, ''],
];

describe('calls are the same whatever the environment or the home folder says about', () => {
  let plain: Seen;
  beforeAll(async () => {
    plain = await seenWith({});
  });

  test('nothing: one request per call, to the hosts that follow from the region', () => {
    expect(plain.requests).toHaveLength(4);
    expect(plain.endpoints).toEqual(['kms.eu-west-1.amazonaws.com', 'dynamodb.eu-west-1.amazonaws.com']);
  });

  test.each(settings)('%s', async (_, variables, ini) => {
    expect(await seenWith(variables)).toEqual(plain);
    if (ini !== '') expect(await seenWith({}, ini)).toEqual(plain);
  });
});

test('the SDK warns through our logger, in one line, and never on the console', async () => {
  const warnings: string[] = [];
  process.env = {
    ...keys,
    AWS_PROFILE: 'default',
    AWS_CONFIG_FILE: configFile('aws_access_key_id = A\naws_secret_access_key = secret'),
  };
  const onConsole = jest.spyOn(console, 'warn');
  const clients = new RegionalClients(systemClock, (text) => warnings.push(text));
  expect((await clients.credentialsOf('eu-west-1').get()).accessKeyId).toBe('A');
  clients.sdkLogger.info({ input: 'secret' });
  expect([warnings, onConsole.mock.calls]).toEqual([
    [expect.stringMatching(/^[^\n]*Both AWS_PROFILE and the pair AWS_ACCESS_KEY_ID[^\n]*$/)],
    [],
  ]);
});

test('docs/aws-settings.md has the effect of each variable', () => {
  const effects = new Map([
    ['Used to obtain credentials, and for nothing else', 'credentials'],
    ['Overridden by RKMS', 'overridden'],
    ['Refused', 'refused'],
    ['Without effect', 'none'],
  ]);
  const sections = readFileSync('docs/aws-settings.md', 'utf8').split('\n## ');
  const documented = sections.flatMap((section) => {
    const effect = effects.get(section.split('\n')[0] ?? '');
    const items = section.split(/^- /m).slice(1).join('');
    return effect === undefined
      ? []
      : [...items.matchAll(/`(AWS_\w+)`/g)].map(([, name = '']) => [name, effect]);
  });
  expect(documented.length).toBeGreaterThan(40);
  for (const [name = '', effect] of documented) {
    expect([name, awsVariables({ [name]: 'x' })[0]?.effect]).toEqual([name, effect]);
  }
});

test('each setting is known with its effect, and secrets are not shown', () => {
  const all = Object.assign({}, ...settings.map(([, variables]) => variables), keys) as Record<
    string,
    string
  >;
  const effects = Object.groupBy(awsVariables(all), ({ effect }) => effect);
  const names = (effect: keyof typeof effects): readonly string[] | undefined =>
    effects[effect]?.map(({ name, value }) => (value === undefined ? `${name} (secret)` : name));
  expect(names('credentials')).toEqual([
    'AWS_ACCESS_KEY_ID (secret)',
    'AWS_ACCOUNT_ID',
    'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
    'AWS_SECRET_ACCESS_KEY (secret)',
    'AWS_USE_DUALSTACK_ENDPOINT',
    'AWS_USE_FIPS_ENDPOINT',
  ]);
  expect(names('refused')).toEqual(['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_KMS']);
  expect(names('none')).toEqual([
    'AWS_CA_BUNDLE',
    'AWS_DISABLE_REQUEST_COMPRESSION',
    'AWS_LAMBDA_FUNCTION_NAME',
    'AWS_REQUEST_CHECKSUM_CALCULATION',
    'AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES',
    'AWS_RESPONSE_CHECKSUM_VALIDATION',
  ]);
  expect(names('overridden')).toContain('AWS_BEARER_TOKEN_KMS (secret)');
});
