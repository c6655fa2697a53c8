// One region's AWS KMS. The KMS key is named by its full ARN on every call and every answer is checked to come from it; an
// alias is resolved once. Tries once: the application decides about other regions.
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import { DataKey, type DataKeyLength } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { CiphertextMismatched, VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { AwsTransport } from '../aws/json-client.js';
import { kmsFailure } from '../aws/kms-failures.js';
import { isKeyArn, usableKey, type DescribedKey } from './kms-key.js';
import {
  bytesOf,
  decryptBody,
  encryptBody,
  generateBody,
  readAnswer,
  type KmsAnswer,
} from '../aws/kms-messages.js';

type Outcome<T> = Promise<Result<T, VaultFailure>>;

export class AwsKmsKeyVault implements KeyVault {
  private arn: string | undefined;

  /** `kmsKey` is a key ARN, key id, alias or alias ARN in the transport's region. */
  constructor(
    readonly region: Region,
    private readonly kmsKey: string,
    private readonly transport: AwsTransport,
  ) {
    if (isKeyArn(kmsKey)) this.arn = kmsKey;
  }

  generateDataKey(
    length: DataKeyLength,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    return this.withKey(signal, async (arn) => {
      const answered = await this.send('GenerateDataKey', generateBody(arn, length, context), arn, signal);
      return answered.andThen(({ plaintext }) => dataKeyOf(plaintext, length));
    });
  }

  encrypt(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<RegionalCiphertext, VaultFailure> {
    return this.withKey(signal, async (arn) => {
      const body = encryptBody(arn, key, context);
      try {
        const answered = await this.send('Encrypt', body, arn, signal);
        return answered.andThen(({ answer, plaintext }) => {
          plaintext?.fill(0);
          const bytes = bytesOf(answer.CiphertextBlob);
          return bytes?.length ? ok({ region: this.region, kmsKey: arn, bytes }) : mismatched('length');
        });
      } finally {
        body.fill(0);
      }
    });
  }

  decrypt(
    { bytes }: RegionalCiphertext,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    return this.withKey(signal, async (arn) => {
      const answered = await this.send('Decrypt', decryptBody(bytes, arn, context), arn, signal);
      return answered.andThen(({ plaintext }) => dataKeyOf(plaintext));
    });
  }

  /** Asks KMS to describe the key: enabled, symmetric and for encryption, or `vault.misconfigured`. */
  probe(signal: AbortSignal): ResultAsync<void, VaultFailure> {
    return new ResultAsync(this.describe(signal)).map(() => undefined);
  }

  /** Runs `use` with the ARN of the KMS key; only the first call with an alias has to look it up. */
  private withKey<T>(signal: AbortSignal, use: (arn: string) => Outcome<T>): ResultAsync<T, VaultFailure> {
    if (this.arn !== undefined) return new ResultAsync(use(this.arn));
    return new ResultAsync(this.describe(signal)).andThen((arn) => new ResultAsync(use(arn)));
  }

  private async describe(signal: AbortSignal): Outcome<string> {
    try {
      const body = Buffer.from(JSON.stringify({ KeyId: this.arn ?? this.kmsKey }));
      const answer = await this.transport.call('DescribeKey', body, signal);
      const { KeyMetadata } = JSON.parse(answer.toString()) as { readonly KeyMetadata?: DescribedKey };
      const usable = usableKey(KeyMetadata);
      return usable.andThen(({ arn }) => ((this.arn ??= arn) === arn ? ok(arn) : mismatched('kms-key')));
    } catch (cause) {
      return err(kmsFailure(cause));
    }
  }

  /** One call about the KMS key `arn`; an answer of another KMS key is wiped and refused. */
  private async send(operation: string, body: Buffer, arn: string, signal: AbortSignal): Outcome<Answered> {
    try {
      const answered = readAnswer(await this.transport.call(operation, body, signal));
      if (answered.answer.KeyId === arn) return ok(answered);
      answered.plaintext?.fill(0);
      return mismatched('kms-key');
    } catch (cause) {
      return err(kmsFailure(cause));
    }
  }
}

interface Answered {
  readonly answer: KmsAnswer;
  readonly plaintext: Uint8Array | undefined;
}

/** Takes the bytes, which are wiped in any case. */
function dataKeyOf(bytes: Uint8Array | undefined, length?: number): Result<DataKey, CiphertextMismatched> {
  const fits = bytes !== undefined && (length === undefined || bytes.length === length);
  if (fits) return DataKey.take(bytes).orElse(() => mismatched('length'));
  bytes?.fill(0);
  return mismatched('length');
}

const mismatched = (reason: CiphertextMismatched['reason']): Result<never, CiphertextMismatched> =>
  err({ kind: 'ciphertext.mismatched', reason });
