// Maps the errors of KMS to failure kinds. This is the only place that knows KMS's error names.
import type { MisconfigurationReason, VaultFailure } from '../../domain/failures/region-failures.js';
import { transportFailure } from './transport-failures.js';

type Row = (cause: unknown) => VaultFailure;

const misconfigured =
  (reason: MisconfigurationReason): Row =>
  (cause) => ({ kind: 'vault.misconfigured', reason, cause });
const unavailable: Row = (cause) => ({ kind: 'region.unavailable', reason: 'server-error', cause });
const rejected: Row = (cause) => ({ kind: 'ciphertext.rejected', cause });
const bug: Row = (cause) => ({ kind: 'vault.request-invalid', cause });

/** :: name of the KMS error -> failure. https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors */
const table: ReadonlyMap<string, Row> = new Map(
  Object.entries({
    KMSInternalException: unavailable,
    DependencyTimeoutException: unavailable,
    KeyUnavailableException: (cause) => ({ kind: 'region.unavailable', reason: 'key-unavailable', cause }),
    DisabledException: misconfigured('disabled'),
    NotFoundException: misconfigured('not-found'),
    AccessDeniedException: misconfigured('access-denied'),
    AccessDenied: misconfigured('access-denied'),
    OptInRequired: misconfigured('access-denied'),
    InvalidGrantTokenException: misconfigured('access-denied'),
    InvalidKeyUsageException: misconfigured('unsuitable-key'),
    UnsupportedOperationException: misconfigured('unsuitable-key'),
    KMSInvalidStateException: misconfigured('invalid-state'),
    InvalidCiphertextException: rejected,
    IncorrectKeyException: rejected,
    InvalidArnException: bug,
    SerializationException: bug,
    UnknownOperationException: bug,
    ValidationException: bug,
    DryRunOperationException: bug,
  }),
);

/** Never throws. An error with an unknown name is `region.unavailable`, so that the next region is tried. */
export function kmsFailure(cause: unknown): VaultFailure {
  const known = cause instanceof Error ? table.get(cause.name) : undefined;
  return (
    known?.(cause) ??
    transportFailure(cause) ?? { kind: 'region.unavailable', reason: 'unintelligible', cause }
  );
}

/** :: KMS key state -> what is wrong with it; an enabled key has no entry. */
export const misconfiguredStates: ReadonlyMap<string, MisconfigurationReason> = new Map(
  Object.entries({
    Disabled: 'disabled',
    PendingDeletion: 'pending-deletion',
    PendingReplicaDeletion: 'pending-deletion',
    PendingImport: 'invalid-state',
    Creating: 'invalid-state',
    Updating: 'invalid-state',
    Unavailable: 'invalid-state',
  } as const),
);
