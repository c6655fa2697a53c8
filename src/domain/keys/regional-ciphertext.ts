// One data key encrypted under one region's KMS key.
import type { Region } from '../ids.js';

/** What a vault's `encrypt` answers and its `decrypt` takes. Public: it opens nothing without the KMS key. */
export interface RegionalCiphertext {
  readonly region: Region;
  /** The KMS key that wrapped it, by its full name (an ARN on AWS). A fact for people: decryption never follows it. */
  readonly kmsKey: string;
  /** The ciphertext as the vault made it; 1 to 6,144 bytes, the limit KMS sets for Decrypt. */
  readonly bytes: Uint8Array;
}

/** From the KMS API reference: `CiphertextBlob` of Decrypt, maximum length. */
export const maxCiphertextBytes = 6_144;
