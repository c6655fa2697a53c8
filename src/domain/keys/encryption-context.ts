// The pairs that KMS binds a ciphertext to: a ciphertext opens only with exactly the pairs it was made with (I5). They must
// never hold a secret: KMS writes them to CloudTrail.
import type { Commitment } from './data-key.js';
import type { Deployment, KeyId, KeyVersion } from '../ids.js';

/** :: pair name -> value; identifies one key of one deployment */
export interface EncryptionContext {
  readonly 'rkms:deployment': Deployment;
  readonly 'rkms:id': KeyId;
  readonly 'rkms:version': string;
  /** Absent only in the generating call: the key has no commitment before that. */
  readonly 'rkms:commitment'?: Commitment;
}

/** Identifies one version of one data key across all deployments. */
export interface KeyName {
  readonly deployment: Deployment;
  readonly id: KeyId;
  readonly version: KeyVersion;
}

/** The context of the call that generates a key. */
export function generationContext({ deployment, id, version }: KeyName): EncryptionContext {
  return { 'rkms:deployment': deployment, 'rkms:id': id, 'rkms:version': String(version) };
}

/** The context of every call that encrypts or decrypts a key. */
export function encryptionContext(name: KeyName, commitment: Commitment): EncryptionContext {
  return { ...generationContext(name), 'rkms:commitment': commitment };
}
