// Signatures are those that AWS publishes and that the SDK's own signer makes, whatever is signed.
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { SigV4Signer, signingKey } from '../../../src/adapters/aws/sigv4.js';
import { manyRuns } from '../../support/tiers.js';

class Sha256 {
  private readonly hash;
  constructor(secret?: string | Uint8Array | ArrayBuffer) {
    this.hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', Buffer.from(secret as Uint8Array));
  }
  update(data: Uint8Array): void {
    this.hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.hash.digest());
  }
  reset(): void {
    throw new Error('not needed');
  }
}

const sha256 = Sha256 as unknown as ConstructorParameters<typeof SignatureV4>[0]['sha256'];

const pairs = (headers: readonly string[]): Record<string, string> =>
  Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? '']] : [])));

const text = fc.string({
  minLength: 1,
  maxLength: 40,
  unit: fc.constantFrom('a', 'Z', '0', '9', '/', '+', '='),
});

describe('the signing key', () => {
  it('is that of the example in the AWS documentation', () => {
    const key = signingKey('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', [
      '20120215',
      'us-east-1',
      'iam',
      'aws4_request',
    ]);
    expect(key.toString('hex')).toBe('f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d');
  });
});

describe('a signature', () => {
  it("is the one that the SDK's signer makes, for any request, credentials and time", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ id: text, secret: text, token: fc.option(text, { nil: undefined }) }),
        fc.constantFrom('kms', 'dynamodb'),
        fc.constantFrom('us-east-1', 'eu-central-2', 'cn-north-1'),
        fc.uint8Array({ maxLength: 200 }),
        fc.date({ min: new Date('2020-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
        async ({ id, secret, token }, service, region, body, date) => {
          const host = `${service}.${region}.amazonaws.com`;
          const request = {
            host,
            contentType: 'application/x-amz-json-1.1',
            target: 'TrentService.Decrypt',
            body,
          };
          const credentials = {
            accessKeyId: id,
            secretAccessKey: secret,
            ...(token === undefined ? {} : { sessionToken: token }),
          };
          const own = pairs(
            new SigV4Signer(region, service).headersFor(request, credentials, date.getTime()),
          );
          const sdk = new SignatureV4({ credentials, region, service, sha256, applyChecksum: false });
          const signed = await sdk.sign(
            {
              method: 'POST',
              protocol: 'https:',
              hostname: host,
              path: '/',
              headers: { host, 'content-type': request.contentType, 'x-amz-target': request.target },
              body,
            },
            { signingDate: date },
          );
          expect(own).toEqual(signed.headers);
        },
      ),
      { numRuns: manyRuns(300) },
    );
  });

  it('follows the credentials: a signer keeps no key of others', () => {
    const signer = new SigV4Signer('eu-west-1', 'kms');
    const request = { host: 'h', contentType: 't', target: 'a.b', body: Buffer.from('{}') };
    const at = Date.UTC(2030, 0, 1);
    const signed = (secretAccessKey: string, ms = at) =>
      pairs(signer.headersFor(request, { accessKeyId: 'a', secretAccessKey }, ms))['authorization'];
    const first = signed('one');
    expect(signed('two')).not.toBe(first);
    expect(signed('one', at + 86_400_000)).not.toBe(first);
    expect(signed('one')).toBe(first);
  });
});
