// How a request for a key can fail, named by what happened to the caller. `kind` is at once problem type, log field and
// metric label: once released it is never renamed. `cause` is for logs only and never leaves the service.
import type { AccessDenied } from '../access/access.js';
import type { Region } from '../ids.js';
import type {
  CallAborted,
  CredentialsInvalid,
  FailedAttempt,
  VaultRequestInvalid,
} from './region-failures.js';
import type {
  KeyCopiesNeeded,
  KeyUnreadable,
  StoreForeign,
  StoreRevisionStale,
  StoreWriteFailure,
  StoreWrittenElsewhere,
} from './store-failures.js';

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
