// AWS KMS as a vault: the contract, every row of the table of failures over real connections, and what travels on them.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { err, ok, type ResultAsync } from 'neverthrow';
import { AwsKmsKeyVault } from '../../../src/adapters/aws-kms/aws-kms-key-vault.js';
import type { JsonClient } from '../../../src/adapters/aws/json-client.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { encryptionContext, generationContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion } from '../../../src/domain/ids.js';
import type { RegionalCiphertext } from '../../../src/domain/keys/regional-ciphertext.js';
import { keyVaultContract, type VaultSubject } from '../../contracts/key-vault-contract.js';
import { withoutCause } from '../../support/failures-without-cause.js';
import {
  startKmsServer,
  type KmsFault,
  type KmsServer,
  type KmsServerOptions,
} from '../../support/kms-server.js';
import { awsTestClient, type AwsTestOptions } from '../../support/aws-test-client.js';
import { Leftovers } from '../../support/leftovers.js';
import { deployment, keyId, region } from '../../support/names.js';
import { hexOf, keyOf, randomKey } from '../../support/sample-keys.js';
import { awsError, startScriptedAws, type AwsReply, type ScriptedAws } from '../../support/scripted-aws.js';
import { until } from '../../support/until.js';

// Real processes, disks and connections, on a machine that may be busy.
jest.setTimeout(60_000);

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const name = { deployment: deployment('test'), id: keyId('orders/7'), version: firstVersion };
const context = encryptionContext(name, 'c'.repeat(43) as Commitment);
const unbounded = (): AbortSignal => new AbortController().signal;

const clientOf = (endpoint: string, options: Partial<AwsTestOptions> = {}): JsonClient =>
  awsTestClient({ service: 'kms', endpoint, ...options }, leftovers);

async function startKms(options: Partial<KmsServerOptions> = {}): Promise<KmsServer> {
  const kms = await startKmsServer({ region: 'eu-west-1', ...options });
  leftovers.add(() => kms.stop());
  return kms;
}

const vaultOf = (
  kms: KmsServer,
  kmsKey = kms.keyArn,
  options: Partial<AwsTestOptions> = {},
): AwsKmsKeyVault => new AwsKmsKeyVault(region(kms.region), kmsKey, clientOf(kms.endpoint, options));

const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

async function scripted(
  replyTo: () => AwsReply,
): Promise<{ readonly aws: ScriptedAws; readonly vault: AwsKmsKeyVault }> {
  const aws = await startScriptedAws(replyTo);
  leftovers.add(() => aws.stop());
  return { aws, vault: new AwsKmsKeyVault(region('eu-west-1'), arn, clientOf(aws.endpoint)) };
}

const operations = ['GenerateDataKey', 'Encrypt', 'Decrypt', 'DescribeKey'] as const;
type Operation = (typeof operations)[number];

const someCiphertext: RegionalCiphertext = {
  region: region('eu-west-1'),
  kmsKey: arn,
  bytes: Buffer.from('a ciphertext'),
};

/** One call by the name of the KMS operation it makes; the answer itself is left out. */
function call(
  vault: AwsKmsKeyVault,
  operation: Operation,
  ciphertext = someCiphertext,
  signal = unbounded(),
): ResultAsync<unknown, object> {
  switch (operation) {
    case 'GenerateDataKey':
      return vault.generateDataKey(32, generationContext(name), signal).map(() => 'a key');
    case 'Encrypt':
      return vault.encrypt(randomKey(), context, signal).map(() => 'a ciphertext');
    case 'Decrypt':
      return vault.decrypt(ciphertext, context, signal).map(() => 'a key');
    case 'DescribeKey':
      return vault.probe(signal);
  }
}

describe('the contract of a vault', () => {
  for (const promise of keyVaultContract(twoRegions)) test(promise.name, promise.run);
});

describe('the contract of a vault, with an alias', () => {
  for (const promise of keyVaultContract(() => twoRegions('alias/rkms'))) test(promise.name, promise.run);
});

async function twoRegions(kmsKey?: string): Promise<VaultSubject> {
  const [kms, other] = await Promise.all([startKms(), startKms({ region: 'us-east-1' })]);
  return { subject: vaultOf(kms, kmsKey ?? kms.keyArn), stranger: vaultOf(other, kmsKey ?? other.keyArn) };
}

describe('another key of the same region', () => {
  test('opens nothing, and the ciphertext is said to be at fault, not the key', async () => {
    const own = await startKms();
    const other = await startKms({ keyId: '00000000-0000-4000-8000-000000000000' });
    const foreign = (await vaultOf(other).encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
    const opened = await call(vaultOf(own), 'Decrypt', foreign);
    expect(withoutCause(opened)).toEqual(err({ kind: 'ciphertext.rejected' }));
  });
});

describe('each fault of a region', () => {
  const unavailable = (reason: string) => ({ kind: 'region.unavailable', reason });
  const misconfigured = (reason: string) => ({ kind: 'vault.misconfigured', reason });
  const crypto: readonly Operation[] = ['GenerateDataKey', 'Encrypt', 'Decrypt'];
  const faults: readonly [KmsFault, object, (readonly Operation[])?][] = [
    ['refused', unavailable('refused')],
    ['reset', unavailable('reset')],
    ['reset-mid-answer', unavailable('reset')],
    ['server-error', unavailable('server-error')],
    ['internal-error', unavailable('server-error')],
    ['dependency-timeout', unavailable('server-error')],
    ['key-unavailable', unavailable('key-unavailable')],
    ['throttled', { kind: 'region.throttled' }],
    ['limit-exceeded', { kind: 'region.throttled' }],
    ['disabled', misconfigured('disabled')],
    ['pending-deletion', misconfigured('invalid-state'), crypto],
    ['pending-deletion', misconfigured('pending-deletion'), ['DescribeKey']],
    ['not-found', misconfigured('not-found')],
    ['access-denied', misconfigured('access-denied')],
    ['expired-credentials', { kind: 'credentials.invalid' }],
    ['invalid-request', { kind: 'vault.request-invalid' }],
    ['garbage', unavailable('unintelligible')],
    ['wrong-length', { kind: 'ciphertext.mismatched', reason: 'length' }, ['GenerateDataKey', 'Decrypt']],
    ['wrong-key-id', { kind: 'ciphertext.mismatched', reason: 'kms-key' }],
  ];
  const rows = faults.flatMap(([fault, expected, hit = operations]) =>
    hit.map((operation) => ({ fault, expected, operation })),
  );

  test.each(rows)('$fault at $operation is told as what it is', async ({ fault, expected, operation }) => {
    const kms = await startKms();
    const vault = vaultOf(kms);
    const ciphertext = (await vault.encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
    await kms.fail(fault);
    expect(withoutCause(await call(vault, operation, ciphertext))).toEqual(err(expected));
    await kms.heal();
    expect((await call(vault, operation, ciphertext)).isOk()).toBe(true);
  });

  test.each(['silent', 'dripping', 'slow'] as const)(
    '%s ends when no caller waits any more, and so does the request on the network',
    async (fault) => {
      const kms = await startKms();
      const vault = vaultOf(kms);
      for (const operation of operations) {
        await kms.fail(fault, { slowMs: 60_000 });
        const before = kms.calls.length;
        const gone = kms.aborted();
        const controller = new AbortController();
        const pending = call(vault, operation, someCiphertext, controller.signal);
        await until(() => kms.calls.length > before);
        controller.abort();
        expect(await pending).toEqual(err({ kind: 'call.aborted' }));
        await until(() => kms.aborted() === gone + 1);
        await kms.heal();
      }
    },
  );

  test('a time-out of the signal is an abort like any other', async () => {
    const kms = await startKms();
    await kms.fail('silent');
    expect(await call(vaultOf(kms), 'Encrypt', someCiphertext, AbortSignal.timeout(20))).toEqual(
      err({ kind: 'call.aborted' }),
    );
  });

  test('a slow region still answers rightly', async () => {
    const kms = await startKms();
    await kms.fail('slow', { slowMs: 30 });
    expect((await call(vaultOf(kms), 'Encrypt')).isOk()).toBe(true);
  });

  test('another plaintext passes: only the commitment, above the vault, can tell', async () => {
    const kms = await startKms();
    const vault = vaultOf(kms);
    const key = randomKey();
    const ciphertext = (await vault.encrypt(key, context, unbounded()))._unsafeUnwrap();
    await kms.fail('wrong-plaintext');
    const opened = await vault.decrypt(ciphertext, context, unbounded());
    expect(opened.map((other) => [other.length, other.equals(key)])).toEqual(ok([32, false]));
  });

  test('the cause goes with the failure, for the log', async () => {
    const kms = await startKms();
    await kms.fail('access-denied');
    const result = await vaultOf(kms).probe(unbounded());
    expect(result._unsafeUnwrapErr()).toMatchObject({ cause: { name: 'AccessDeniedException' } });
  });
});

describe('each error by name', () => {
  const unavailable = (reason: string) => ({ kind: 'region.unavailable', reason });
  const misconfigured = (reason: string) => ({ kind: 'vault.misconfigured', reason });
  const invalid = { kind: 'vault.request-invalid' };
  const throttled = { kind: 'region.throttled' };
  const rejected = { kind: 'ciphertext.rejected' };
  const rows: readonly [string, number, object][] = [
    ['KMSInternalException', 500, unavailable('server-error')],
    ['DependencyTimeoutException', 503, unavailable('server-error')],
    ['KeyUnavailableException', 500, unavailable('key-unavailable')],
    ['ThrottlingException', 400, throttled],
    ['LimitExceededException', 400, throttled],
    ['RequestLimitExceeded', 400, throttled],
    ['SomethingUnheardOf', 429, throttled],
    ['DisabledException', 400, misconfigured('disabled')],
    ['KMSInvalidStateException', 400, misconfigured('invalid-state')],
    ['NotFoundException', 400, misconfigured('not-found')],
    ['AccessDeniedException', 400, misconfigured('access-denied')],
    ['OptInRequired', 403, misconfigured('access-denied')],
    ['InvalidGrantTokenException', 400, misconfigured('access-denied')],
    ['InvalidKeyUsageException', 400, misconfigured('unsuitable-key')],
    ['UnsupportedOperationException', 400, misconfigured('unsuitable-key')],
    ['InvalidCiphertextException', 400, rejected],
    ['IncorrectKeyException', 400, rejected],
    ['InvalidArnException', 400, invalid],
    ['SerializationException', 400, invalid],
    ['UnknownOperationException', 400, invalid],
    ['ValidationException', 400, invalid],
    ['DryRunOperationException', 400, invalid],
    ['ServiceUnavailable', 503, unavailable('server-error')],
    ['SomethingUnheardOf', 502, unavailable('server-error')],
    ['SomethingUnheardOf', 400, unavailable('unintelligible')],
  ];

  test.each(rows)(
    '%s with status %d is reported as what it is, after one call',
    async (error, status, expected) => {
      const { aws, vault } = await scripted(() => awsError(error, status));
      expect(withoutCause(await call(vault, 'Decrypt'))).toEqual(err(expected));
      expect(aws.requests.map(({ operation }) => operation)).toEqual(['Decrypt']);
    },
  );

  test.each([
    'ExpiredTokenException',
    'ExpiredToken',
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    'IncompleteSignature',
    'IncompleteSignatureException',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    'RequestExpired',
    'RequestTimeTooSkewed',
  ])('%s is the fault of our credentials, and not tried again with the same ones', async (error) => {
    const { aws, vault } = await scripted(() => awsError(error, 403));
    expect(withoutCause(await call(vault, 'Decrypt'))).toEqual(err({ kind: 'credentials.invalid' }));
    expect(aws.requests).toHaveLength(1);
  });

  test.each([
    ['an HTML page with status 502', { status: 502, body: '<html>Bad Gateway</html>' }, 'server-error'],
    ['an empty answer with status 500', { status: 500, body: '' }, 'server-error'],
    ['half an object', { status: 200, body: '{"KeyId":' }, 'unintelligible'],
    ['a page of text', { status: 200, body: 'please log in' }, 'unintelligible'],
    ['a redirection', { status: 302, body: '' }, 'unintelligible'],
  ])('%s makes the region unavailable', async (_, reply, reason) => {
    const { vault } = await scripted(() => reply);
    expect(withoutCause(await call(vault, 'Decrypt'))).toEqual(err(unavailable(reason)));
  });

  test.each(['{}', '[]', 'null', '""', '7', '{"KeyId":7}', `{"KeyId":"${arn}x"}`])(
    'the answer %s of the right form is not taken for that of our key',
    async (body) => {
      const { vault } = await scripted(() => ({ status: 200, body }));
      for (const operation of ['GenerateDataKey', 'Encrypt', 'Decrypt'] as const) {
        const result = await call(vault, operation);
        expect(withoutCause(result)).toEqual(
          err(
            expect.objectContaining({
              kind: expect.stringMatching(/ciphertext.mismatched|region.unavailable/),
            }),
          ),
        );
      }
    },
  );

  test.each([
    ['no plaintext', {}],
    ['an empty plaintext', { Plaintext: '' }],
    ['17 bytes', { Plaintext: Buffer.alloc(17).toString('base64') }],
  ])('%s from our key is no key', async (_, fields) => {
    const { vault } = await scripted(() => ({
      status: 200,
      body: JSON.stringify({ KeyId: arn, ...fields }),
    }));
    const mismatched = err({ kind: 'ciphertext.mismatched', reason: 'length' });
    for (const operation of ['GenerateDataKey', 'Encrypt', 'Decrypt'] as const) {
      expect(await call(vault, operation)).toEqual(mismatched);
    }
  });

  test('a generated key of another length than was asked for is refused', async () => {
    const body = JSON.stringify({ KeyId: arn, Plaintext: Buffer.alloc(16, 7).toString('base64') });
    const { vault } = await scripted(() => ({ status: 200, body }));
    expect(await call(vault, 'GenerateDataKey')).toEqual(
      err({ kind: 'ciphertext.mismatched', reason: 'length' }),
    );
  });
});

describe('a region that cannot be reached', () => {
  test('by its name is a failure of DNS', async () => {
    const client = clientOf('http://no-such-host.invalid:1');
    const vault = new AwsKmsKeyVault(region('eu-west-1'), arn, client);
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(
      err({ kind: 'region.unavailable', reason: 'dns' }),
    );
  });

  test('at a closed port of several addresses is refused', async () => {
    const kms = await startKms();
    await kms.fail('refused');
    const client = clientOf(kms.endpoint.replace('127.0.0.1', 'localhost'));
    const vault = new AwsKmsKeyVault(region('eu-west-1'), kms.keyArn, client);
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(
      err({ kind: 'region.unavailable', reason: 'refused' }),
    );
  });

  const fixture = (file: string): string =>
    readFileSync(new URL(`../../support/fixtures/${file}`, import.meta.url), 'utf8');
  const tls = { key: fixture('tls-test-key.pem'), cert: fixture('tls-test-cert.pem') };

  test('with a certificate of an unknown authority is not trusted', async () => {
    const kms = await startKms({ tls });
    const result = await call(vaultOf(kms), 'Encrypt');
    expect(withoutCause(result)).toEqual(err({ kind: 'region.untrusted' }));
    expect(kms.calls).toEqual([]);
  });

  test('with a certificate of another host is not trusted', async () => {
    const kms = await startKms({ tls });
    const vault = vaultOf(kms, kms.keyArn, { ca: tls.cert });
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(err({ kind: 'region.untrusted' }));
    expect(kms.calls).toEqual([]);
  });

  test('with a certificate of this host, vouched for, is trusted', async () => {
    const kms = await startKms({ tls });
    const endpoint = kms.endpoint.replace('127.0.0.1', 'localhost');
    const config = { endpoint, ca: tls.cert };
    expect((await call(vaultOf(kms, kms.keyArn, config), 'Encrypt')).isOk()).toBe(true);
  });

  test('because it does not speak TLS is not trusted', async () => {
    const kms = await startKms();
    const client = clientOf(kms.endpoint.replace('http:', 'https:'));
    const vault = new AwsKmsKeyVault(region('eu-west-1'), kms.keyArn, client);
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(err({ kind: 'region.untrusted' }));
  });
});

describe('the KMS key', () => {
  test.each(['alias/rkms', 'the key id', 'the alias ARN'])(
    'given as %s is looked up once, and named by its full ARN on every call',
    async (form) => {
      const kms = await startKms();
      const [prefix = '', id = ''] = kms.keyArn.split('key/');
      const forms: Record<string, string> = { 'the key id': id, 'the alias ARN': `${prefix}alias/rkms` };
      const kmsKey = forms[form] ?? form;
      const vault = vaultOf(kms, kmsKey);
      const ciphertext = (await vault.encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
      await call(vault, 'Decrypt', ciphertext);
      await call(vault, 'GenerateDataKey');
      expect(ciphertext.kmsKey).toBe(kms.keyArn);
      expect(kms.calls.map(({ operation, keyId: named }) => [operation, named])).toEqual([
        ['DescribeKey', kmsKey],
        ['Encrypt', kms.keyArn],
        ['Decrypt', kms.keyArn],
        ['GenerateDataKey', kms.keyArn],
      ]);
    },
  );

  test('given as an ARN is never looked up', async () => {
    const kms = await startKms();
    const vault = vaultOf(kms);
    const ciphertext = (await vault.encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
    await call(vault, 'Decrypt', ciphertext);
    expect(kms.calls.map(({ operation, keyId: named }) => [operation, named])).toEqual([
      ['Encrypt', kms.keyArn],
      ['Decrypt', kms.keyArn],
    ]);
  });

  test('is looked up again after the first look-up failed', async () => {
    const kms = await startKms();
    const vault = vaultOf(kms, 'alias/rkms');
    await kms.fail('throttled', { times: 1 });
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(err({ kind: 'region.throttled' }));
    expect((await call(vault, 'Encrypt')).isOk()).toBe(true);
  });

  test('that no alias names is a misconfiguration', async () => {
    const kms = await startKms();
    expect(withoutCause(await call(vaultOf(kms, 'alias/other'), 'Encrypt'))).toEqual(
      err({ kind: 'vault.misconfigured', reason: 'not-found' }),
    );
  });

  test.each([
    ['for signing', { KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P256' }],
    ['asymmetric', { KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'RSA_2048' }],
    ['without a name', { KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT', Arn: undefined }],
  ])('that is %s is unsuitable', async (_, metadata) => {
    const body = JSON.stringify({ KeyMetadata: { KeyId: 'x', Arn: arn, KeyState: 'Enabled', ...metadata } });
    const { vault } = await scripted(() => ({ status: 200, body }));
    expect(await vault.probe(unbounded())).toEqual(
      err({ kind: 'vault.misconfigured', reason: 'unsuitable-key' }),
    );
  });

  test.each([
    ['Disabled', 'disabled'],
    ['PendingDeletion', 'pending-deletion'],
    ['PendingReplicaDeletion', 'pending-deletion'],
    ['PendingImport', 'invalid-state'],
    ['Creating', 'invalid-state'],
    ['Updating', 'invalid-state'],
    ['Unavailable', 'invalid-state'],
  ])('in the state %s is probed as a misconfiguration', async (state, reason) => {
    const symmetric = { KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT' };
    const body = JSON.stringify({ KeyMetadata: { KeyId: 'x', Arn: arn, KeyState: state, ...symmetric } });
    const { vault } = await scripted(() => ({ status: 200, body }));
    expect(await vault.probe(unbounded())).toEqual(
      err({ kind: 'vault.misconfigured', reason, cause: state }),
    );
  });
});

describe('a call', () => {
  test('carries the whole encryption context', async () => {
    const kms = await startKms();
    const vault = vaultOf(kms);
    const ciphertext = (await vault.encrypt(randomKey(), context, unbounded()))._unsafeUnwrap();
    await call(vault, 'Decrypt', ciphertext);
    await call(vault, 'GenerateDataKey');
    expect(kms.calls.map((each) => each.context)).toEqual([context, context, generationContext(name)]);
  });

  test('is made once for each failure', async () => {
    const kms = await startKms();
    const vault = vaultOf(kms);
    const faults = [
      'internal-error',
      'server-error',
      'throttled',
      'reset',
      'garbage',
      'key-unavailable',
    ] as const;
    for (const fault of faults) {
      await kms.fail(fault);
      kms.calls.length = 0;
      await call(vault, 'Encrypt');
      expect([fault, kms.calls.length]).toEqual([fault, 1]);
    }
  });

  test('reuses connections: 100 calls one after the other open two at most', async () => {
    const body = JSON.stringify({ KeyId: arn, CiphertextBlob: 'AAAA' });
    const { aws, vault } = await scripted(() => ({ status: 200, body }));
    for (let count = 0; count < 100; count += 1) expect((await call(vault, 'Encrypt')).isOk()).toBe(true);
    expect(aws.requests).toHaveLength(100);
    expect(aws.connections()).toBeLessThanOrEqual(2);
  });

  test('opens no more connections at once than it may', async () => {
    const body = JSON.stringify({ KeyId: arn, CiphertextBlob: 'AAAA' });
    const aws = await startScriptedAws(() => ({ status: 200, body }));
    leftovers.add(() => aws.stop());
    const client = clientOf(aws.endpoint, { maxConnections: 3 });
    const vault = new AwsKmsKeyVault(region('eu-west-1'), arn, client);
    await Promise.all(Array.from({ length: 30 }, () => call(vault, 'Encrypt')));
    expect([aws.requests.length, aws.connections()]).toEqual([30, 3]);
  });

  test('leaves the key it was given as it was, also when it fails', async () => {
    const kms = await startKms();
    await kms.fail('internal-error');
    const key = keyOf(Buffer.alloc(32, 7));
    await vaultOf(kms).encrypt(key, context, unbounded());
    expect(hexOf(key)).toBe('07'.repeat(32));
  });
});

describe('credentials', () => {
  /** A provider as the SDK's own are: each call brings new credentials, good for an hour. */
  function provider(): { readonly fetched: () => number; readonly config: Partial<AwsTestOptions> } {
    let count = 0;
    return {
      fetched: () => count,
      config: {
        fetch: () => {
          count += 1;
          const expiration = new Date(Date.now() + 3_600_000);
          return Promise.resolve({ accessKeyId: `key-${count}`, secretAccessKey: 'test', expiration });
        },
      },
    };
  }

  test('that expired are fetched anew once, and the call is made again', async () => {
    const kms = await startKms();
    const { fetched, config } = provider();
    const vault = vaultOf(kms, kms.keyArn, config);
    await kms.fail('expired-credentials', { times: 1 });
    expect((await call(vault, 'Encrypt')).isOk()).toBe(true);
    expect([kms.calls.length, fetched()]).toEqual([2, 2]);
  });

  test('that stay expired are reported after the second call', async () => {
    const kms = await startKms();
    const { fetched, config } = provider();
    const vault = vaultOf(kms, kms.keyArn, config);
    await kms.fail('expired-credentials');
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(err({ kind: 'credentials.invalid' }));
    expect([kms.calls.length, fetched()]).toEqual([2, 2]);
  });

  test('that are good are fetched once for many calls', async () => {
    const kms = await startKms();
    const { fetched, config } = provider();
    const vault = vaultOf(kms, kms.keyArn, config);
    for (let count = 0; count < 5; count += 1) await call(vault, 'Encrypt');
    expect(fetched()).toBe(1);
  });

  test('that were fetched anew sign the second call', async () => {
    const aws = await startScriptedAws(() => awsError('ExpiredTokenException'));
    leftovers.add(() => aws.stop());
    const vault = new AwsKmsKeyVault(region('eu-west-1'), arn, clientOf(aws.endpoint, provider().config));
    await call(vault, 'Encrypt');
    const signers = aws.requests.map(
      ({ headers }) => /Credential=([^/]+)/.exec(headers['authorization'] ?? '')?.[1],
    );
    expect(signers).toEqual(['key-1', 'key-2']);
  });

  test('that no provider has are reported, and nothing is sent', async () => {
    const kms = await startKms();
    const none = Object.assign(new Error('no credentials'), { name: 'CredentialsProviderError' });
    const vault = vaultOf(kms, kms.keyArn, { fetch: () => Promise.reject(none) });
    expect(withoutCause(await call(vault, 'Encrypt'))).toEqual(
      err({ kind: 'credentials.invalid', detail: 'no AWS credentials were found' }),
    );
    expect(kms.calls).toEqual([]);
  });

  test('are not fetched for a call whose signal has fired', async () => {
    const kms = await startKms();
    const { fetched, config } = provider();
    const result = await call(
      vaultOf(kms, kms.keyArn, config),
      'Encrypt',
      someCiphertext,
      AbortSignal.abort(),
    );
    expect([result, fetched()]).toEqual([err({ kind: 'call.aborted' }), 0]);
  });

  test('that never come do not keep a call from ending', async () => {
    const kms = await startKms();
    const never = new Promise<never>(() => undefined);
    const vault = vaultOf(kms, kms.keyArn, { fetch: () => never });
    expect(await call(vault, 'Encrypt', someCiphertext, AbortSignal.timeout(20))).toEqual(
      err({ kind: 'call.aborted' }),
    );
  });
});
