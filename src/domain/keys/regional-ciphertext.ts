// One data key encrypted under one region's KMS key.
import type { Region } from '../ids.js';

/** What a vault's `encrypt` returns and its `decrypt` takes. Not secret: it is useless without the KMS key. */
export interface RegionalCiphertext {
  readonly region: Region;
  /** The full name (an ARN on AWS) of the KMS key that encrypted it. For people only: decryption never uses it. */
  readonly kmsKey: string;
  /** The ciphertext as the vault returned it, 1 to 6,144 bytes. */
  readonly bytes: Uint8Array;
}

/** The maximum length of `CiphertextBlob` in the KMS API reference of Decrypt. */
export const maxCiphertextBytes = 6_144;
