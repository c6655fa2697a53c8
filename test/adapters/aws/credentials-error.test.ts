// What a provider of credentials refuses is never read as an answer of KMS or DynamoDB, by the hot path and by the SDK alike. The
// provider is the SDK's own chain with a web identity token, and STS is played.
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { describeKmsKey } from '../../../src/adapters/aws-kms/describe-key.js';
import { CredentialsError, credentialsError } from '../../../src/adapters/aws/credentials-error.js';
import { kmsFailure } from '../../../src/adapters/aws/kms-failures.js';
import { RegionalClients } from '../../../src/adapters/aws/regional-clients.js';
import { dynamoDbSdkClient, kmsSdkClient } from '../../../src/adapters/aws/sdk-clients.js';
import { readFailure } from '../../../src/adapters/dynamodb/dynamodb-failures.js';
import { scanFailure } from '../../../src/adapters/go-rkms/source-failures.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { Leftovers } from '../../support/leftovers.js';

const leftovers = new Leftovers();
let sts: Server;
let code: string;
let status: number;
const signal = (): AbortSignal => AbortSignal.timeout(20_000);
/** Nothing listens there: KMS and DynamoDB must not be called without credentials. */
const connection = {
  region: 'eu-west-1',
  endpoint: 'http://127.0.0.1:9',
  connectTimeoutMs: 1_000,
  maxSockets: 1,
};

beforeAll(async () => {
  sts = createServer((_, answer) => {
    answer.writeHead(status, { 'content-type': 'text/xml' });
    answer.end(
      `<ErrorResponse><Error><Code>${code}</Code><Message>quotes eyJ.secret</Message></Error></ErrorResponse>`,
    );
  });
  sts.listen(0, '127.0.0.1');
  await once(sts, 'listening');
  const token = join(leftovers.folder(), 'token');
  writeFileSync(token, 'eyJ.secret');
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  }
  Object.assign(process.env, {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/rkms',
    AWS_WEB_IDENTITY_TOKEN_FILE: token,
    AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${(sts.address() as AddressInfo).port}`,
    AWS_MAX_ATTEMPTS: '1',
  });
  leftovers.add(() => {
    process.env = before;
  });
});
beforeEach(() => {
  status = 403;
});
afterAll(async () => {
  sts.close();
  await leftovers.clear();
});

/** The failures by the hot path and the SDK, of KMS and DynamoDB: all must be the same. */
async function failuresOfAll(): Promise<readonly object[]> {
  const clients = new RegionalClients(systemClock, () => undefined);
  const [kms, dynamodb] = [clients.client('kms', connection), clients.client('dynamodb', connection)];
  const sdk = dynamoDbSdkClient(clients, connection);
  const rejected = async (call: Promise<unknown>): Promise<unknown> => {
    try {
      await call;
    } catch (cause) {
      return cause;
    }
    throw new Error('the call succeeded');
  };
  const described = await describeKmsKey(kmsSdkClient(clients, connection), 'alias/a', signal());
  const table = new DescribeTableCommand({ TableName: 'rkms' });
  const failures = [
    kmsFailure(await rejected(kms.call('Decrypt', Buffer.from('{}'), signal()))),
    readFailure(await rejected(dynamodb.call('GetItem', Buffer.from('{}'), signal()))),
    readFailure(await rejected(sdk.send(table, { abortSignal: signal() }))),
    scanFailure(await rejected(sdk.send(table, { abortSignal: signal() }))),
    described._unsafeUnwrapErr(),
  ];
  await Promise.all([kms.close(), dynamodb.close()]);
  return failures;
}

describe('an error of STS is named as one of STS, with what to do', () => {
  test.each([
    ['AccessDenied', 'AccessDenied', 'trust policy', undefined],
    ['InvalidIdentityToken', 'InvalidIdentityTokenException', 'identity provider in IAM', undefined],
    ['ExpiredTokenException', 'ExpiredTokenException', 'have expired', undefined],
    ['RegionDisabledException', 'RegionDisabledException', 'activate STS for this region', undefined],
    ['IDPCommunicationError', 'IDPCommunicationErrorException', 'discovery document', true],
    ['ThrottlingException', 'ThrottlingException', 'trust policy', true],
    ['ValidationError', 'ValidationError', 'trust policy', undefined],
  ])('%s', async (answered, name, hint, isTemporary) => {
    code = answered;
    const expected = {
      kind: 'credentials.invalid',
      detail: `STS refuses to issue credentials for the role (${name})`,
      ...(isTemporary && { isTemporary }),
      cause: expect.any(CredentialsError),
    };
    const failures = await failuresOfAll();
    expect(failures).toEqual(failures.map(() => expected));
    const [{ cause } = {}] = failures as readonly { readonly cause?: CredentialsError }[];
    expect([cause?.hint, String(cause)]).toEqual([
      expect.stringContaining(hint),
      expect.not.stringContaining('eyJ'),
    ]);
  });

  test('that is an outage of STS may pass by itself', async () => {
    [code, status] = ['InternalFailure', 500];
    for (const failure of await failuresOfAll()) {
      expect(failure).toMatchObject({ kind: 'credentials.invalid', isTemporary: true });
    }
  });
});

test.each([
  [
    { code: 'ENOTFOUND', hostname: 'sts.eu-west-1.amazonaws.com' },
    'provider sts.eu-west-1.amazonaws.com cannot',
    true,
  ],
  [{ code: 'ECONNREFUSED' }, 'the credential provider cannot be reached (ECONNREFUSED)', true],
  [{ code: 'EACCES', path: '/run/token' }, 'cannot be read (EACCES): /run/token', false],
  [{ name: 'TokenProviderError' }, 'no AWS credentials were found (TokenProviderError)', false],
])('a provider that fails with %j is not taken for the region: %s', (facts, message, isTemporary) => {
  const error = credentialsError(Object.assign(new Error('secret'), facts));
  expect([error.message, error.isTemporary]).toEqual([expect.stringContaining(message), isTemporary]);
  expect(kmsFailure(error)).toMatchObject({ kind: 'credentials.invalid' });
});
