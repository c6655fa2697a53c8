// One region's AWS KMS. The KMS key is named by its full ARN on every call and every answer is checked to come from it;
// an alias is looked up once. Tries once, save for one refresh of expired credentials.
import {
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { err, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import { DataKey, type DataKeyLength } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { CiphertextMismatched, VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { withFreshCredentials } from '../aws/fresh-credentials.js';
import { untilAborted } from '../aws/until-aborted.js';
import { keepPlaintextsFromText } from './plaintext-answers.js';
import { kmsFailure } from '../aws/kms-failures.js';
import { isKeyArn, usableKey } from './describe-key.js';
import { encryptCommand, keepPlaintextsOutOfRequests } from './plaintext-requests.js';

export class AwsKmsKeyVault implements KeyVault {
  private arn: string | undefined;

  /** `kmsKey` is a key ARN, key id, alias or alias ARN in the client's region; the client is the vault's own from now on. */
  constructor(
    readonly region: Region,
    private readonly kmsKey: string,
    private readonly client: KMSClient,
  ) {
    if (isKeyArn(kmsKey)) this.arn = kmsKey;
    keepPlaintextsFromText(client);
    keepPlaintextsOutOfRequests(client);
  }

  generateDataKey(
    length: DataKeyLength,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    return this.resolve(signal).andThen((arn) =>
      this.send((options) => this.client.send(generate(arn, length, context), options), signal)
        .andThen((answer) => fromKey(arn, answer))
        .andThen(({ Plaintext }) => plaintextOf(Plaintext, length)),
    );
  }

  encrypt(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<RegionalCiphertext, VaultFailure> {
    return this.resolve(signal).andThen((arn) =>
      this.send((options) => this.client.send(encryptCommand(arn, key, context), options), signal)
        .andThen((answer) => fromKey(arn, answer))
        .andThen(({ CiphertextBlob: bytes }) =>
          bytes?.length ? ok({ region: this.region, kmsKey: arn, bytes }) : mismatched('length'),
        ),
    );
  }

  decrypt(
    ciphertext: RegionalCiphertext,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    return this.resolve(signal).andThen((arn) =>
      this.send((options) => this.client.send(decrypt(arn, ciphertext, context), options), signal)
        .andThen((answer) => fromKey(arn, answer))
        .andThen(({ Plaintext }) => plaintextOf(Plaintext)),
    );
  }

  /** Asks KMS to describe the key: enabled, symmetric and for encryption, or `vault.misconfigured`. */
  probe(signal: AbortSignal): ResultAsync<void, VaultFailure> {
    return this.describe(signal).map(() => undefined);
  }

  private resolve(signal: AbortSignal): ResultAsync<string, VaultFailure> {
    return this.arn === undefined ? this.describe(signal) : okAsync(this.arn);
  }

  private describe(signal: AbortSignal): ResultAsync<string, VaultFailure> {
    const request = new DescribeKeyCommand({ KeyId: this.arn ?? this.kmsKey });
    return this.send((options) => this.client.send(request, options), signal)
      .andThen(({ KeyMetadata }) => usableKey(KeyMetadata))
      .andThen(({ arn }) => ((this.arn ??= arn) === arn ? ok(arn) : mismatched('kms-key')));
  }

  private send<T>(
    call: (options: { abortSignal: AbortSignal }) => Promise<T>,
    signal: AbortSignal,
  ): ResultAsync<T, VaultFailure> {
    const attempt = (): ResultAsync<T, VaultFailure> =>
      ResultAsync.fromPromise(call({ abortSignal: signal }), kmsFailure);
    return untilAborted(signal, { kind: 'call.aborted' }, () =>
      withFreshCredentials(attempt, this.client.config.credentials),
    );
  }
}

const generate = (KeyId: string, NumberOfBytes: number, context: EncryptionContext) =>
  new GenerateDataKeyCommand({ KeyId, NumberOfBytes, EncryptionContext: { ...context } });

const decrypt = (KeyId: string, { bytes }: RegionalCiphertext, context: EncryptionContext) =>
  new DecryptCommand({ KeyId, CiphertextBlob: bytes, EncryptionContext: { ...context } });

interface Answer {
  readonly KeyId?: string | undefined;
  readonly Plaintext?: Uint8Array | undefined;
}

/** The answer, if that key gave it; else its plaintext is wiped. */
function fromKey<T extends Answer>(arn: string, answer: T): Result<T, CiphertextMismatched> {
  if (answer.KeyId === arn) return ok(answer);
  answer.Plaintext?.fill(0);
  return mismatched('kms-key');
}

/** Takes the bytes; wiped they are in any case. */
function plaintextOf(bytes: Uint8Array | undefined, length?: number): Result<DataKey, CiphertextMismatched> {
  const fits = bytes !== undefined && (length === undefined || bytes.length === length);
  if (fits) return DataKey.take(bytes).orElse(() => mismatched('length'));
  bytes?.fill(0);
  return mismatched('length');
}

const mismatched = (reason: CiphertextMismatched['reason']): Result<never, CiphertextMismatched> =>
  err({ kind: 'ciphertext.mismatched', reason });
