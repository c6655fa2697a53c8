// One failure of each kind that a vault may answer; a new kind does not compile until it is here.
import type { VaultFailure } from '../../src/domain/failures/region-failures.js';

export type VaultFailureKind = VaultFailure['kind'];

export const vaultFailures: { readonly [Kind in VaultFailureKind]: Extract<VaultFailure, { kind: Kind }> } = {
  'region.unavailable': { kind: 'region.unavailable', reason: 'refused' },
  'region.untrusted': { kind: 'region.untrusted' },
  'region.throttled': { kind: 'region.throttled' },
  'vault.misconfigured': { kind: 'vault.misconfigured', reason: 'disabled' },
  'ciphertext.rejected': { kind: 'ciphertext.rejected' },
  'ciphertext.mismatched': { kind: 'ciphertext.mismatched', reason: 'kms-key' },
  'credentials.invalid': { kind: 'credentials.invalid' },
  'vault.request-invalid': { kind: 'vault.request-invalid' },
  'call.aborted': { kind: 'call.aborted' },
};

export const vaultFailureKinds = Object.keys(vaultFailures) as readonly VaultFailureKind[];

/** What the bounds of a call make of a vault that does not answer in time. */
export const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };
