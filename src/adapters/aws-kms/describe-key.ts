// Asks KMS about a KMS key through the AWS SDK, off the request path: for `rkms doctor`.
import { DescribeKeyCommand, GetKeyRotationStatusCommand, type KMSClient } from '@aws-sdk/client-kms';
import { err, okAsync, ResultAsync } from 'neverthrow';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import { kmsFailure } from '../aws/kms-failures.js';
import { untilAborted } from '../aws/until-aborted.js';
import { usableKey, type KmsKeyFacts } from './kms-key.js';

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
