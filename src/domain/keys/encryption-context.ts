// The pairs that KMS binds a ciphertext to: a ciphertext opens only with exactly the pairs it was made with.
// Never holds a secret: KMS writes the pairs to its logs.
import type { Commitment } from './data-key.js';
import type { Deployment, KeyId, KeyVersion } from '../ids.js';

/** Which key of which deployment a call to a vault is about. :: pair name -> value */
export interface EncryptionContext {
  readonly 'rkms:deployment': Deployment;
  readonly 'rkms:id': KeyId;
  readonly 'rkms:version': string;
  /** Absent only while the key is being generated and has no commitment yet. */
  readonly 'rkms:commitment'?: Commitment;
}

/** What one data key is called, everywhere in RKMS. */
export interface KeyName {
  readonly deployment: Deployment;
  readonly id: KeyId;
  readonly version: KeyVersion;
}

/** The context in which a key is generated. */
export function generationContext({ deployment, id, version }: KeyName): EncryptionContext {
  return { 'rkms:deployment': deployment, 'rkms:id': id, 'rkms:version': String(version) };
}

/** The context in which a key is encrypted and decrypted. */
export function encryptionContext(name: KeyName, commitment: Commitment): EncryptionContext {
  return { ...generationContext(name), 'rkms:commitment': commitment };
}
