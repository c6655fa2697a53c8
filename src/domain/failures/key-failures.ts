// Every way in which RKMS can fail, named by what happened to whoever asked. `kind` is at once problem type, log field
// and metric label: once released it is never renamed. `cause` is for logs only and never leaves the service.
import type { Permission } from '../access/caller.js';
import type { WritePlace } from '../keys/genesis.js';
import type { Deployment, Region } from '../ids.js';

/** Why a region gave no usable answer. */
export type OutageReason =
  | 'dns'
  | 'refused'
  | 'reset'
  | 'unreachable'
  | 'timed-out'
  /** Had its usual time and more when another region, asked later, answered first. */
  | 'outrun'
  /** Known not to answer now, and not needed: it was not asked. */
  | 'left-alone'
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
  | 'unsuitable-key'
  /** Of a region of the store: its table is missing, forbidden, or not that of this deployment. */
  | 'table';

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

/** What kept the store from answering, where it is known; untrusted is its TLS certificate. */
export type StoreOutage = OutageReason | 'untrusted';
export type StoreUnavailable = {
  readonly kind: 'store.unavailable';
  readonly reason?: StoreOutage;
  readonly cause?: unknown;
};
export type StoreThrottled = { readonly kind: 'store.throttled'; readonly cause?: unknown };
/** The store refuses us, or is not of the shape we need; `detail` says what to change. */
export type StoreMisconfigured = {
  readonly kind: 'store.misconfigured';
  readonly detail: string;
  readonly cause?: unknown;
};
/** The store has no genesis record, or that of another deployment. */
export type StoreForeign = {
  readonly kind: 'store.foreign';
  readonly expected: Deployment;
  readonly found: Deployment | undefined;
};
/** The store is this deployment's, but its records are written elsewhere than our configuration says. */
export type StoreWrittenElsewhere = {
  readonly kind: 'store.written-elsewhere';
  readonly expected: WritePlace;
  readonly found: WritePlace;
};
/** Nothing was written: another region was writing the same record at that moment. */
export type StoreConflicted = { readonly kind: 'store.conflicted'; readonly cause?: unknown };
/** A write may or may not have happened. */
export type StoreOutcomeUnknown = {
  readonly kind: 'store.outcome-unknown';
  readonly reason?: StoreOutage;
  readonly cause?: unknown;
};
/** The record changed since it was read: compare-and-set did not write. */
export type StoreRevisionStale = { readonly kind: 'store.revision-stale' };
/** Without these ciphertexts the record would have none: nothing was dropped. */
export type KeyCopiesNeeded = { readonly kind: 'key.copies-needed' };
/** The record is of a newer format or broken, or no copy of it opens to the committed key. */
export type KeyUnreadable = {
  readonly kind: 'key.unreadable';
  readonly reason: 'newer-format' | 'broken' | 'no-configured-region' | 'no-copy-opens';
  readonly detail: string;
};

/** How reading the store can fail. */
export type StoreReadFailure =
  StoreUnavailable | StoreThrottled | StoreMisconfigured | CredentialsInvalid | KeyUnreadable | CallAborted;
/** How writing to the store can fail. */
export type StoreWriteFailure = StoreReadFailure | StoreConflicted | StoreOutcomeUnknown;

/** One region's part in a failure of all. */
export interface FailedAttempt {
  readonly region: Region;
  readonly failure: VaultFailure;
}

/** Every region was tried and none gave the answer. */
export type RegionsExhausted = {
  readonly kind: 'regions.exhausted';
  readonly attempts: readonly FailedAttempt[];
};
/** Too few regions could be proven to hold the new key; nothing was stored. */
export type RegionsBelowQuorum = {
  readonly kind: 'regions.below-quorum';
  readonly proven: number;
  readonly quorum: number;
  readonly attempts: readonly FailedAttempt[];
};
export type KeyNotFound = { readonly kind: 'key.not-found' };
export type AccessDenied = { readonly kind: 'access.denied'; readonly permission: Permission };
/** The caller had too many keys made; none was made now. `retryAfterMs`: until there is room for one. */
export type CreationOverQuota = { readonly kind: 'creation.over-quota'; readonly retryAfterMs: number };
/** The audit log could not take the entry, so the key was not released. */
export type AuditUnavailable = { readonly kind: 'audit.unavailable'; readonly cause?: unknown };
/** So much is being done already that more would only make all of it late. */
export type ServiceOverloaded = { readonly kind: 'service.overloaded' };
/** No valid credentials came with the request; deliberately says no more. */
export type AuthenticationFailed = { readonly kind: 'authentication.failed' };

/** An entry of another store is not what its maker's entries look like; `detail` says where. */
export type SourceEntryUnreadable = { readonly kind: 'source.entry-unreadable'; readonly detail: string };
/** The entry's id cannot be the id of a key here. */
export type SourceIdInvalid = { readonly kind: 'source.id-invalid'; readonly detail: string };
/** The copies that these regions hold open to different keys: nobody knows which is the right one. */
export type SourceCopiesDiffer = {
  readonly kind: 'source.copies-differ';
  readonly regions: readonly Region[];
};
/** What the copies hold cannot be a data key here: it is not 16, 32 or 64 bytes long. */
export type SourceKeyUnsuitable = { readonly kind: 'source.key-unsuitable' };
/** The id has another key already, which stays. */
export type KeyConflict = { readonly kind: 'key.conflict' };

/** How opening an entry of another store can fail. */
export type SourceOpenFailure =
  SourceCopiesDiffer | SourceKeyUnsuitable | RegionsExhausted | VaultRequestInvalid | CallAborted;
/** How importing one entry of another store can fail. */
export type ImportFailure =
  | StoreWrittenElsewhere
  | SourceEntryUnreadable
  | SourceIdInvalid
  | SourceOpenFailure
  | KeyConflict
  | WrapFailure
  | StoreWriteFailure
  | StoreForeign
  | AuditUnavailable;

/** How opening a stored key can fail. */
export type OpenFailure =
  RegionsExhausted | KeyUnreadable | CredentialsInvalid | VaultRequestInvalid | CallAborted;
/** How making a new key can fail before it is stored. */
export type WrapFailure = RegionsBelowQuorum | CallAborted;
/** How asking for a key can fail. */
export type GetKeyFailure =
  | OpenFailure
  | WrapFailure
  | StoreWriteFailure
  | StoreForeign
  | StoreWrittenElsewhere
  | KeyNotFound
  | CreationOverQuota
  | ServiceOverloaded
  | AccessDenied
  | AuditUnavailable;

/** How bringing a record back to full can fail as a whole; what single regions could not do is told apart. */
export type RepairFailure =
  | KeyUnreadable
  | RegionsExhausted
  | StoreWriteFailure
  | StoreRevisionStale
  | KeyCopiesNeeded
  | KeyNotFound
  | AuditUnavailable
  | VaultRequestInvalid;

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
