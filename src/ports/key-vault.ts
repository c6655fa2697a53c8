// The KMS of one region. Every implementation must pass test/contracts/key-vault-contract.ts, whose test names are the
// sentences below.
import type { ResultAsync } from 'neverthrow';
import type { DataKey, DataKeyLength } from '../domain/keys/data-key.js';
import type { EncryptionContext } from '../domain/keys/encryption-context.js';
import type { VaultFailure } from '../domain/failures/region-failures.js';
import type { Region } from '../domain/ids.js';
import type { RegionalCiphertext } from '../domain/keys/regional-ciphertext.js';
import { token } from './token.js';

/**
 * Every method tries once, in its own region, and never throws: each fault of the region becomes one `VaultFailure`.
 * Time-outs and other regions are up to the caller; when `signal` fires, the call ends with `call.aborted` and its
 * network request is dropped. The caller wipes a DataKey that it receives; a DataKey that is passed in is only read.
 */
export interface KeyVault {
  readonly region: Region;

  /** A new random key of exactly `length` bytes; two calls never return the same key. */
  generateDataKey(
    length: DataKeyLength,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure>;

  /** The key as a ciphertext of this region, which opens only with the same context. */
  encrypt(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<RegionalCiphertext, VaultFailure>;

  /**
   * The key inside `ciphertext`. A damaged ciphertext, one of another region or KMS key, and another context are all
   * `ciphertext.rejected`.
   */
  decrypt(
    ciphertext: RegionalCiphertext,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure>;

  /** Ok when the region answers and its KMS key can be used. Makes the cheapest call that shows it. */
  probe(signal: AbortSignal): ResultAsync<void, VaultFailure>;
}

/** One vault per configured region, in the order of preference. */
export const KeyVaults = token<readonly KeyVault[]>('KeyVaults');
