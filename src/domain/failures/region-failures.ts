// How a call to one region's KMS can fail, and what a request does after each failure. `kind` is at once problem
// type, log field and metric label: once released it is never renamed. `cause` is for logs only and never leaves the
// service.
import type { Region } from '../ids.js';

/** Why a region gave no usable answer. */
export type OutageReason =
  | 'dns'
  | 'refused'
  | 'reset'
  | 'unreachable'
  | 'timed-out'
  /** It was slow, and another region, called later as a hedge, answered first. */
  | 'hedge-lost'
  /** Not called: it is known not to answer now, and was not needed. */
  | 'ejected'
  | 'server-error'
  | 'key-unavailable'
  | 'unintelligible';

/** What is wrong with a region's KMS key, or with our permission to use it. */
export type MisconfigurationReason =
  'disabled' | 'pending-deletion' | 'invalid-state' | 'not-found' | 'access-denied' | 'unsuitable-key';

export type RegionUnavailable = {
  readonly kind: 'region.unavailable';
  readonly reason: OutageReason;
  readonly cause?: unknown;
};
/** The region's TLS certificate cannot be trusted. */
export type RegionUntrusted = { readonly kind: 'region.untrusted'; readonly cause?: unknown };
export type RegionThrottled = { readonly kind: 'region.throttled'; readonly cause?: unknown };
export type VaultMisconfigured = {
  readonly kind: 'vault.misconfigured';
  readonly reason: MisconfigurationReason;
  readonly cause?: unknown;
};
/** The region cannot decrypt this ciphertext: it has another context or KMS key, or is damaged. */
export type CiphertextRejected = { readonly kind: 'ciphertext.rejected'; readonly cause?: unknown };
/** The region answered, but not with the right key. */
export type CiphertextMismatched = {
  readonly kind: 'ciphertext.mismatched';
  readonly reason: 'commitment' | 'read-back' | 'length' | 'kms-key';
};
/** Our own credentials are expired or wrong, or our clock is wrong, or no provider issued any: `detail` then says who refused. */
export type CredentialsInvalid = {
  readonly kind: 'credentials.invalid';
  readonly detail?: string;
  /** The provider of credentials is down: they may be there later without any change. */
  readonly isTemporary?: true;
  readonly cause?: unknown;
};
/** KMS says that our request is malformed: a bug of ours. */
export type VaultRequestInvalid = { readonly kind: 'vault.request-invalid'; readonly cause?: unknown };
/** The call's signal fired: the caller left, or the deadline has passed. */
export type CallAborted = { readonly kind: 'call.aborted' };

/** How one call to the KMS of one region can fail. */
export type VaultFailure =
  | RegionUnavailable
  | RegionUntrusted
  | RegionThrottled
  | VaultMisconfigured
  | CiphertextRejected
  | CiphertextMismatched
  | CredentialsInvalid
  | VaultRequestInvalid
  | CallAborted;

/** Why one of several regions gave no answer. */
export interface FailedAttempt {
  readonly region: Region;
  readonly failure: VaultFailure;
}

/** What a request does after one region failed. */
export type AfterFailure = 'next-region' | 'stop';

/**
 * Whether another region can still answer. Only two failures are final: the result is no longer needed, or every
 * region would refuse the same malformed request. After invalid credentials, the next region is tried too: a single
 * region may be wrong about them, and the refusal comes at once.
 */
export function afterVaultFailure(failure: VaultFailure): AfterFailure {
  switch (failure.kind) {
    case 'region.unavailable':
    case 'region.untrusted':
    case 'region.throttled':
    case 'vault.misconfigured':
    case 'ciphertext.rejected':
    case 'ciphertext.mismatched':
    case 'credentials.invalid':
      return 'next-region';
    case 'vault.request-invalid':
    case 'call.aborted':
      return 'stop';
  }
}

/** Whether only an operator can repair the fault, in our configuration or our AWS account: waiting does not help. */
export const isConfigurationFault = (failure: VaultFailure): boolean =>
  failure.kind === 'vault.misconfigured' || (failure.kind === 'credentials.invalid' && !failure.isTemporary);
