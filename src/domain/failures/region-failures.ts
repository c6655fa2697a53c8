// How a call to one region's KMS can fail, and what a request does after each failure. `kind` is at once problem type, log
// field and metric label: once released it is never renamed. `cause` is for logs only and never leaves the service.
import type { Region } from '../ids.js';

/** Why a region gave no usable answer. */
export type OutageReason =
  | 'dns'
  | 'refused'
  | 'reset'
  | 'unreachable'
  | 'timed-out'
  /** Had its usual time and more when another region, asked later, answered first. */
  | 'hedge-lost'
  /** Known not to answer now, and not needed: it was not asked. */
  | 'ejected'
  | 'server-error'
  | 'key-unavailable'
  | 'unintelligible';

/** What is wrong with a vault's KMS key, or with our right to use it. */
export type MisconfigurationReason =
  | 'disabled'
  | 'pending-deletion'
  | 'invalid-state'
  | 'not-found'
  | 'access-denied'
  | 'unsuitable-key';

export type RegionUnavailable = {
  readonly kind: 'region.unavailable';
  readonly reason: OutageReason;
  readonly cause?: unknown;
};
/** The region's TLS certificate is not to be trusted. */
export type RegionUntrusted = { readonly kind: 'region.untrusted'; readonly cause?: unknown };
export type RegionThrottled = { readonly kind: 'region.throttled'; readonly cause?: unknown };
export type VaultMisconfigured = {
  readonly kind: 'vault.misconfigured';
  readonly reason: MisconfigurationReason;
  readonly cause?: unknown;
};
/** The vault will not open this ciphertext: other context, other KMS key, or damaged. */
export type CiphertextRejected = { readonly kind: 'ciphertext.rejected'; readonly cause?: unknown };
/** The vault answered, but not with the key that was asked for. */
export type CiphertextMismatched = {
  readonly kind: 'ciphertext.mismatched';
  readonly reason: 'commitment' | 'read-back' | 'length' | 'kms-key';
};
/** Our own credentials are expired or wrong, or our clock is. */
export type CredentialsInvalid = { readonly kind: 'credentials.invalid'; readonly cause?: unknown };
/** The vault calls our request malformed: a bug of ours. */
export type VaultRequestInvalid = { readonly kind: 'vault.request-invalid'; readonly cause?: unknown };
/** The signal that bounds the call fired: the caller is gone or the deadline is over. */
export type CallAborted = { readonly kind: 'call.aborted' };

/** How one call to one region's vault can fail. */
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

/** One region's part in a failure of all. */
export interface FailedAttempt {
  readonly region: Region;
  readonly failure: VaultFailure;
}

/** What a request does after one region failed. */
export type AfterFailure = 'next-region' | 'stop';

/**
 * Whether another region may still answer. Only two failures are final: nobody waits any more, or every region
 * would refuse the same malformed request. Credentials are tried elsewhere too: one region alone may misjudge them,
 * and the refusal comes at once.
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

/** Whether only we or our account's owner can mend it: waiting does not. */
export const isFaultOfOurs = ({ kind }: VaultFailure): boolean =>
  kind === 'vault.misconfigured' || kind === 'credentials.invalid';
