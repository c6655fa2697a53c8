// How a request for a key can fail, named by what happened to the caller. `kind` is at once problem type, log field and
// metric label: once released it is never renamed. `cause` is for logs only and never leaves the service.
import type { AccessDenied } from '../access/access.js';
import type { CreationRefused } from '../access/creation-quota.js';
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
/** The caller's quota for new keys is used up; no key was created. Says which limit, and when it allows one again. */
export type CreationOverQuota = CreationRefused & { readonly kind: 'creation.over-quota' };
/** The audit log could not take the entry, so the key was not released. */
export type AuditUnavailable = { readonly kind: 'audit.unavailable'; readonly cause?: unknown };
/** Too many requests are in flight already; one more would only delay all of them. */
export type ServiceOverloaded = { readonly kind: 'service.overloaded' };
/** The request had no valid credentials. `reason` is for the log only: callers get the same answer for every reason. */
export type AuthenticationFailed = {
  readonly kind: 'authentication.failed';
  readonly reason?: AuthenticationFailureReason;
};
/**
 * Why credentials were refused. `missing`, `several` and `method` (not configured) are about the request. A JWT is `malformed`,
 * from an unknown `issuer`, has a wrong `algorithm`, `type`, `key` (unknown), `signature`, `audience` or `subject`, is
 * `expired`, or has a wrong `lifetime` (not yet valid, too long, or without its times). A bearer token is `malformed`,
 * `unknown`, `not-yet-valid`, `expired` or `revoked`. A certificate is `untrusted`, `not-yet-valid`, `expired`, or has no
 * known `subject`.
 */
export type AuthenticationFailureReason =
  | 'missing'
  | 'several'
  | 'method'
  | 'malformed'
  | 'issuer'
  | 'algorithm'
  | 'type'
  | 'key'
  | 'signature'
  | 'audience'
  | 'lifetime'
  | 'expired'
  | 'subject'
  | 'unknown'
  | 'not-yet-valid'
  | 'revoked'
  | 'untrusted';

/** An entry of another store does not have the expected format; `detail` says where. */
export type SourceEntryUnreadable = { readonly kind: 'source.entry-unreadable'; readonly detail: string };
/** The entry's id is not a valid key id. */
export type SourceIdInvalid = { readonly kind: 'source.id-invalid'; readonly detail: string };
/** The copies in these regions open to different keys: which one is right is unknown. */
export type SourceCopiesDiffer = {
  readonly kind: 'source.copies-differ';
  readonly regions: readonly Region[];
};
/** The copies do not hold a data key: it is not 16, 32 or 64 bytes long. */
export type SourceKeyUnsuitable = { readonly kind: 'source.key-unsuitable' };
/** The id already has another key, which stays. */
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

/** How the repair of a record can fail as a whole. What single regions could not do is reported separately. */
export type RepairFailure =
  | KeyUnreadable
  | RegionsExhausted
  | StoreWriteFailure
  | StoreRevisionStale
  | KeyCopiesNeeded
  | KeyNotFound
  | AuditUnavailable
  | VaultRequestInvalid;
