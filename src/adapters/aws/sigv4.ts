// AWS Signature Version 4 for the one kind of request that RKMS sends on its hot path: POST / with a JSON body. The signing
// key is derived once a day for each set of credentials. Never logs or keeps a secret in a form that prints.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHmac, hash } from 'node:crypto';

/** Credentials as AWS issues them; `sessionToken` comes with temporary ones. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When AWS stops accepting them; absent for keys that do not expire. */
  readonly expiration?: Date;
}

/** The signed parts of a request to `POST /`; header names are in lower case. */
export interface SignableRequest {
  readonly host: string;
  readonly contentType: string;
  /** The value of `x-amz-target`, as `TrentService.Decrypt`. */
  readonly target: string;
  readonly body: Uint8Array;
}

interface DailyKey {
  /** As `20261201`. */
  readonly day: string;
  readonly credentials: AwsCredentials;
  /** As `20261201/eu-west-1/kms/aws4_request`. */
  readonly scope: string;
  readonly key: SigningKey;
}

export class SigV4Signer {
  private daily: DailyKey | undefined;
  private second = -1;
  private timestamp = '';

  constructor(
    private readonly region: string,
    /** As in the credential scope: `kms`, `dynamodb`. */
    private readonly service: string,
  ) {}

  /** All headers of the request, in the order in which they are sent, alternating name and value. */
  headersFor(request: SignableRequest, credentials: AwsCredentials, nowMs: number): string[] {
    const timestamp = this.timestampAt(nowMs);
    const { scope, key } = this.dailyKey(timestamp.slice(0, 8), credentials);
    const { host, contentType, target, body } = request;
    const { accessKeyId, sessionToken } = credentials;
    const token = sessionToken === undefined ? '' : `x-amz-security-token:${sessionToken}\n`;
    const signed =
      sessionToken === undefined
        ? 'content-type;host;x-amz-date;x-amz-target'
        : 'content-type;host;x-amz-date;x-amz-security-token;x-amz-target';
    const canonical =
      `POST\n/\n\ncontent-type:${contentType}\nhost:${host}\nx-amz-date:${timestamp}\n${token}` +
      `x-amz-target:${target}\n\n${signed}\n${hash('sha256', body)}`;
    const toSign = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${hash('sha256', canonical)}`;
    const signature = key.sign(toSign);
    const headers = [
      'host',
      host,
      'content-type',
      contentType,
      'x-amz-date',
      timestamp,
      'x-amz-target',
      target,
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    ];
    if (sessionToken !== undefined) headers.push('x-amz-security-token', sessionToken);
    return headers;
  }

  /** As `20261201T093000Z`; formatted once a second. */
  private timestampAt(nowMs: number): string {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.second) {
      this.second = second;
      this.timestamp = new Date(second * 1_000).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
    }
    return this.timestamp;
  }

  private dailyKey(day: string, credentials: AwsCredentials): DailyKey {
    const known = this.daily;
    if (known?.day === day && known.credentials === credentials) return known;
    const parts = [day, this.region, this.service, 'aws4_request'];
    const key = new SigningKey(signingKey(credentials.secretAccessKey, parts));
    this.daily = { day, credentials, scope: parts.join('/'), key };
    return this.daily;
  }
}

/** The key for a scope of day, region, service and `aws4_request`: an HMAC chain that begins with the secret. */
export const signingKey = (secretAccessKey: string, scope: readonly string[]): Buffer =>
  scope.reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );

/** The block of SHA-256 in bytes. */
const blockBytes = 64;

/** A text to sign has less than 300: two times, a scope and a hash in hex. */
const maxTextBytes = 1_024;

/**
 * HMAC-SHA256 (RFC 2104) by two calls of `hash`: each object of `createHmac` would occupy the garbage collector. An answer in
 * hex comes in half the time of one in a new buffer.
 */
class SigningKey {
  readonly #inner = Buffer.alloc(blockBytes + maxTextBytes, 0x36);
  readonly #outer = Buffer.alloc(blockBytes + 32, 0x5c);

  /** `key` has 32 bytes, and is wiped. */
  constructor(key: Buffer) {
    for (const [at, byte] of key.entries()) {
      this.#inner[at] = byte ^ 0x36;
      this.#outer[at] = byte ^ 0x5c;
    }
    key.fill(0);
  }

  /** In hex. */
  sign(text: string): string {
    if (text.length > maxTextBytes) throw new Error(`a text of ${text.length} characters to sign`);
    const length = blockBytes + this.#inner.write(text, blockBytes, 'latin1');
    this.#outer.write(hash('sha256', this.#inner.subarray(0, length)), blockBytes, 'hex');
    return hash('sha256', this.#outer);
  }
}
