// What KMS says about a KMS key: whether it is one that RKMS can use, and what an operator should know of it. The verdict is
// the same for the vault, which needs it, and for whoever only looks.
import { DescribeKeyCommand, GetKeyRotationStatusCommand, type KMSClient } from '@aws-sdk/client-kms';
import { err, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import type { VaultFailure, VaultMisconfigured } from '../../domain/failures/region-failures.js';
import { kmsFailure, misconfiguredStates } from '../aws/kms-failures.js';
import { untilAborted } from '../aws/until-aborted.js';

/** What DescribeKey answers about a KMS key, as far as it is read. */
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
  /** Where the key material is from: `AWS_KMS`, or what KMS says instead; only the former is rotated by AWS. */
  readonly origin: string;
}

/** Whether a key is named in full, so that nothing has to be looked up before it is used. */
export const isKeyArn = (name: string): boolean =>
  /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/.test(name);

/** What is wrong with the key for RKMS; its state comes first, for a key that is to be deleted may be of any kind. */
export function usableKey(key: DescribedKey | undefined): Result<KmsKeyFacts, VaultMisconfigured> {
  const reason = misconfiguredStates.get(key?.KeyState ?? '');
  if (reason !== undefined) return err({ kind: 'vault.misconfigured', reason, cause: key?.KeyState });
  const suitable = key?.KeyUsage === 'ENCRYPT_DECRYPT' && key.KeySpec === 'SYMMETRIC_DEFAULT';
  if (!suitable || key.Arn === undefined)
    return err({ kind: 'vault.misconfigured', reason: 'unsuitable-key' });
  return ok({ arn: key.Arn, isMultiRegion: key.MultiRegion === true, origin: key.Origin ?? 'AWS_KMS' });
}

/** Asks once. `kmsKey` is a key ARN, key id, alias or alias ARN. */
export const describeKmsKey = (
  client: KMSClient,
  kmsKey: string,
  signal: AbortSignal,
): ResultAsync<KmsKeyFacts, VaultFailure> =>
  untilAborted<KmsKeyFacts, VaultFailure>(signal, { kind: 'call.aborted' }, () =>
    ResultAsync.fromPromise(
      client.send(new DescribeKeyCommand({ KeyId: kmsKey }), { abortSignal: signal }),
      kmsFailure,
    ).andThen(({ KeyMetadata }) => usableKey(KeyMetadata)),
  );

/** Whether AWS renews the key material by itself; undefined when we may not ask, or whoever answers cannot tell. */
export const isRotated = (
  client: KMSClient,
  arn: string,
  signal: AbortSignal,
): ResultAsync<boolean | undefined, VaultFailure> =>
  untilAborted<boolean | undefined, VaultFailure>(signal, { kind: 'call.aborted' }, () =>
    ResultAsync.fromPromise(
      client.send(new GetKeyRotationStatusCommand({ KeyId: arn }), { abortSignal: signal }),
      kmsFailure,
    )
      .map((answer): boolean | undefined => answer.KeyRotationEnabled)
      .orElse((failure) => (isNoAnswer(failure) ? okAsync(undefined) : err(failure))),
  );

/** Not to be allowed to ask is no fault, nor is a stand-in that does not know the question. */
function isNoAnswer(failure: VaultFailure): boolean {
  return (
    failure.kind === 'vault.request-invalid' ||
    (failure.kind === 'vault.misconfigured' &&
      (failure.reason === 'access-denied' || failure.reason === 'unsuitable-key'))
  );
}
