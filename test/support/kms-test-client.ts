// What the tests of the played region share: a region which ends with its test, and the real AWS client on it.
// It must never leave a client or a region behind, and never make a call without a bound.
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
  type DecryptCommandOutput,
  type DescribeKeyCommandOutput,
  type EncryptCommandOutput,
  type GenerateDataKeyCommandInput,
  type GenerateDataKeyCommandOutput,
  type KMSClientConfig,
} from '@aws-sdk/client-kms';
import { startKmsServer, type KmsServer, type KmsServerOptions } from './kms-server.js';

/** The encryption context of every call which names no other. */
export const CONTEXT = { tenant: 'acme', purpose: 'backup' };
/** The plaintext of every Encrypt which brings no other. */
export const SECRET = Buffer.from('a secret of some length');
/** A key id no region has by default. */
export const OTHER_KEY = '00000000-0000-4000-8000-000000000000';
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };
const PATIENCE_MS = 5000;
const cleanups: (() => Promise<void> | void)[] = [];
const within = (ms: number): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(ms) });

/** Ends what the test began, the last first. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** The real client of a region, with the four operations on the region's key under the usual context. */
export class TestClient {
  readonly #client: KMSClient;
  readonly #common: { readonly KeyId: string; readonly EncryptionContext: Record<string, string> };

  constructor(kms: KmsServer, config: KMSClientConfig = {}) {
    const address = { region: kms.region, endpoint: kms.endpoint };
    this.#common = { KeyId: kms.keyArn, EncryptionContext: { ...CONTEXT } };
    this.#client = new KMSClient({ ...address, credentials: CREDENTIALS, maxAttempts: 1, ...config });
    cleanups.push(() => {
      this.#client.destroy();
    });
  }

  generate(
    size: Partial<GenerateDataKeyCommandInput> = { NumberOfBytes: 32 },
  ): Promise<GenerateDataKeyCommandOutput> {
    return this.#client.send(new GenerateDataKeyCommand({ ...this.#common, ...size }), within(PATIENCE_MS));
  }

  encrypt(Plaintext: Uint8Array = SECRET, KeyId = this.#common.KeyId): Promise<EncryptCommandOutput> {
    return this.#client.send(new EncryptCommand({ ...this.#common, KeyId, Plaintext }), within(PATIENCE_MS));
  }

  decrypt(
    CiphertextBlob: Uint8Array | undefined,
    other: { KeyId?: string | undefined; EncryptionContext?: Record<string, string> } = {},
    patienceMs = PATIENCE_MS,
  ): Promise<DecryptCommandOutput> {
    return this.#client.send(
      new DecryptCommand({ ...this.#common, CiphertextBlob, ...other }),
      within(patienceMs),
    );
  }

  describe(KeyId = this.#common.KeyId): Promise<DescribeKeyCommandOutput> {
    return this.#client.send(new DescribeKeyCommand({ KeyId }), within(PATIENCE_MS));
  }
}

/** A region for one test. */
export async function start(options: Partial<KmsServerOptions> = {}): Promise<KmsServer> {
  const kms = await startKmsServer({ region: 'eu-west-1', ...options });
  cleanups.push(() => kms.stop());
  return kms;
}

/** A region for one test, with a client. */
export async function startWithClient(
  options: Partial<KmsServerOptions> = {},
): Promise<{ readonly kms: KmsServer; readonly client: TestClient }> {
  const kms = await start(options);
  return { kms, client: new TestClient(kms) };
}

/** One request without the AWS client, to see what is really on the wire. */
export function post(kms: KmsServer, operation: string, body: string): Promise<Response> {
  const headers = {
    'X-Amz-Target': `TrentService.${operation}`,
    'Content-Type': 'application/x-amz-json-1.1',
  };
  return fetch(kms.endpoint, { method: 'POST', headers, body, signal: AbortSignal.timeout(PATIENCE_MS) });
}

/** Lets the event loop turn until it is so, within bounds. */
export async function until(condition: () => boolean): Promise<void> {
  const patience = AbortSignal.timeout(PATIENCE_MS / 2);
  while (!condition()) await nextTurn(undefined, { signal: patience });
}
