// What DescribeKey says about a KMS key: whether RKMS can use it, and what an operator should know about it. The vault and
// `rkms doctor` use the same rules.
import { DescribeKeyCommand, GetKeyRotationStatusCommand, type KMSClient } from '@aws-sdk/client-kms';
import { err, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import type { VaultFailure, VaultMisconfigured } from '../../domain/failures/region-failures.js';
import { kmsFailure, misconfiguredStates } from '../aws/kms-failures.js';
import { untilAborted } from '../aws/until-aborted.js';

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

/** Calls DescribeKey once. `kmsKey` is a key ARN, key id, alias or alias ARN. */
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

/** Whether AWS rotates the key material; undefined without the permission, or when the endpoint does not know the call. */
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

/** A missing permission and a stand-in that does not know the call are not failures. */
function isNoAnswer(failure: VaultFailure): boolean {
  return (
    failure.kind === 'vault.request-invalid' ||
    (failure.kind === 'vault.misconfigured' &&
      (failure.reason === 'access-denied' || failure.reason === 'unsuitable-key'))
  );
}
