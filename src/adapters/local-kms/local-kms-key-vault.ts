// A KMS on this machine: AES-256-GCM with the encryption context as associated data. Each ciphertext has its own key, derived
// from the master key and a random salt. NIST SP 800-38D, section 8.3, limits one key with random nonces to 2^32 messages;
// with derived keys the master key has no such limit.
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { err, errAsync, ok, okAsync, Result, type ResultAsync } from 'neverthrow';
import { DataKey, type DataKeyLength } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';

export const masterKeyBytes = 32;

// Ciphertext: format (1) | fingerprint of the master key (8) | salt (16) | nonce (12) | tag (16) | the encrypted key
const format = 1;
const at = { fingerprint: 1, salt: 9, nonce: 25, tag: 37, body: 53 } as const;

const rejected: VaultFailure = { kind: 'ciphertext.rejected' };

export class LocalKmsKeyVault implements KeyVault {
  private readonly fingerprint: Buffer;
  private readonly kmsKey: string;

  /** `masterKey` is 32 bytes. The vault keeps a reference to it and must never log or return it. */
  constructor(
    readonly region: Region,
    private readonly masterKey: Uint8Array,
  ) {
    this.fingerprint = createHash('sha256')
      .update('rkms/local-kms/fingerprint/v1\0')
      .update(masterKey)
      .digest()
      .subarray(0, at.salt - at.fingerprint);
    this.kmsKey = `local:${region}:${this.fingerprint.toString('hex')}`;
  }

  generateDataKey(
    length: DataKeyLength,
    _context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    if (signal.aborted) return aborted();
    return DataKey.take(randomBytes(length)).mapErr(wrongLength).asyncMap(resolved);
  }

  encrypt(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<RegionalCiphertext, VaultFailure> {
    if (signal.aborted) return aborted();
    const bytes = this.seal(key, context);
    return okAsync({ region: this.region, kmsKey: this.kmsKey, bytes });
  }

  decrypt(
    ciphertext: RegionalCiphertext,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    if (signal.aborted) return aborted();
    return this.open(Buffer.from(ciphertext.bytes), context)
      .andThen((plaintext) => DataKey.take(plaintext).mapErr(wrongLength))
      .asyncMap(resolved);
  }

  probe(signal: AbortSignal): ResultAsync<void, VaultFailure> {
    return signal.aborted ? aborted() : okAsync(undefined);
  }

  private seal(key: DataKey, context: EncryptionContext): Buffer {
    const salt = randomBytes(at.nonce - at.salt);
    const nonce = randomBytes(at.tag - at.nonce);
    const header = Buffer.concat([Buffer.of(format), this.fingerprint]);
    const cipher = createCipheriv('aes-256-gcm', this.keyFor(salt), nonce);
    cipher.setAAD(associatedData(this.region, context));
    const body = key.reveal((plaintext) => cipher.update(plaintext));
    cipher.final();
    return Buffer.concat([header, salt, nonce, cipher.getAuthTag(), body]);
  }

  private open(bytes: Buffer, context: EncryptionContext): Result<Buffer, VaultFailure> {
    const isKnown = bytes[0] === format && bytes.subarray(at.fingerprint, at.salt).equals(this.fingerprint);
    if (!isKnown || bytes.length <= at.body) return err(rejected);
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.keyFor(bytes.subarray(at.salt, at.nonce)),
      bytes.subarray(at.nonce, at.tag),
    );
    decipher.setAAD(associatedData(this.region, context));
    decipher.setAuthTag(bytes.subarray(at.tag, at.body));
    const plaintext = decipher.update(bytes.subarray(at.body));
    const authentic = Result.fromThrowable(() => decipher.final())();
    if (authentic.isOk()) return ok(plaintext);
    plaintext.fill(0);
    return err(rejected);
  }

  private keyFor(salt: Uint8Array): Buffer {
    return createHmac('sha256', this.masterKey).update('rkms/local-kms/v1\0').update(salt).digest();
  }
}

/** The region and the pairs, sorted by name, each text preceded by its length: no two contexts have the same bytes. */
function associatedData(region: Region, context: EncryptionContext): Buffer {
  const pairs = Object.entries(context as unknown as Record<string, string>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const texts = [region, ...pairs.flat()].map((text) => Buffer.from(text));
  return Buffer.concat(texts.flatMap((text) => [lengthOf(text), text]));
}

function lengthOf(text: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return length;
}

const aborted = (): ResultAsync<never, VaultFailure> => errAsync({ kind: 'call.aborted' });
const wrongLength = (): VaultFailure => ({ kind: 'ciphertext.mismatched', reason: 'length' });
const resolved = <T>(value: T): Promise<T> => Promise.resolve(value);
