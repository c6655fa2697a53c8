// What DescribeKey says about a KMS key: whether RKMS can use it, and what an operator should know about it. The vault and
// `rkms doctor` use the same rules.
import { err, ok, type Result } from 'neverthrow';
import type { VaultMisconfigured } from '../../domain/failures/region-failures.js';
import { misconfiguredStates } from '../aws/kms-failures.js';

/** The members of DescribeKey's answer that are read. */
export interface DescribedKey {
  readonly Arn?: string | undefined;
  readonly KeyState?: string | undefined;
  readonly KeyUsage?: string | undefined;
  readonly KeySpec?: string | undefined;
  readonly MultiRegion?: boolean | undefined;
  readonly Origin?: string | undefined;
}

/** A KMS key that can be used. */
export interface KmsKeyFacts {
  readonly arn: string;
  /** Whether other regions may hold replicas of the same key material. */
  readonly isMultiRegion: boolean;
  /** The origin of the key material, `AWS_KMS` if KMS says nothing else. AWS rotates only key material of that origin. */
  readonly origin: string;
}

/** Whether a name is a full key ARN, which needs no look-up before use. */
export const isKeyArn = (name: string): boolean =>
  /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/.test(name);

/** The facts of a key that RKMS can use, or why it cannot. The state is checked first: a key pending deletion may be of any kind. */
export function usableKey(key: DescribedKey | undefined): Result<KmsKeyFacts, VaultMisconfigured> {
  const reason = misconfiguredStates.get(key?.KeyState ?? '');
  if (reason !== undefined) return err({ kind: 'vault.misconfigured', reason, cause: key?.KeyState });
  const suitable = key?.KeyUsage === 'ENCRYPT_DECRYPT' && key.KeySpec === 'SYMMETRIC_DEFAULT';
  if (!suitable || key.Arn === undefined)
    return err({ kind: 'vault.misconfigured', reason: 'unsuitable-key' });
  return ok({ arn: key.Arn, isMultiRegion: key.MultiRegion === true, origin: key.Origin ?? 'AWS_KMS' });
}
