// How reading and writing the store can fail, and what each failure means: for the health of the store's region, for
// trying another region, and for whether a write happened. Every decision is one exhaustive `switch` over the kind.
import type { Deployment, WritePlace } from '../ids.js';
import type {
  AfterFailure,
  CallAborted,
  CredentialsInvalid,
  OutageReason,
  VaultFailure,
} from './region-failures.js';

/** Why the store did not answer. `untrusted`: its TLS certificate cannot be trusted. */
export type StoreOutage = OutageReason | 'untrusted';
export type StoreUnavailable = {
  readonly kind: 'store.unavailable';
  readonly reason?: StoreOutage;
  readonly cause?: unknown;
};
export type StoreThrottled = { readonly kind: 'store.throttled'; readonly cause?: unknown };
/** The store refuses us, or its table has the wrong shape; `detail` says what to change. */
export type StoreMisconfigured = {
  readonly kind: 'store.misconfigured';
  readonly detail: string;
  readonly cause?: unknown;
};
/** The store has no genesis record, or the genesis record of another deployment. */
export type StoreForeign = {
  readonly kind: 'store.foreign';
  readonly expected: Deployment;
  readonly found: Deployment | undefined;
};
/** The store belongs to this deployment, but its records are written in another region than our configuration says. */
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
/** The record would have no ciphertext left: nothing was dropped. */
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

/** How one call to the store in one region can fail. */
export type StoreFailure = StoreWriteFailure | StoreRevisionStale;

/** What a failed call says about the health of its region, be it a region of KMS or of the store. */
export type RegionFault = VaultFailure | StoreMisconfigured;

/** The fault of the store's region, or undefined when the region did what it should. */
export function regionFaultOf(failure: StoreFailure): RegionFault | undefined {
  switch (failure.kind) {
    case 'store.unavailable':
    case 'store.outcome-unknown':
      return failure.reason === 'untrusted'
        ? { kind: 'region.untrusted' }
        : { kind: 'region.unavailable', reason: failure.reason ?? 'unreachable' };
    case 'store.throttled':
      return { kind: 'region.throttled' };
    case 'store.misconfigured':
    case 'credentials.invalid':
    case 'call.aborted':
      return failure;
    case 'key.unreadable':
    case 'store.revision-stale':
    case 'store.conflicted':
      return undefined;
  }
}

/**
 * Whether another region can still answer: not when the result is no longer needed, nor when the record is
 * unreadable.
 */
export function afterStoreRead(failure: StoreReadFailure): AfterFailure {
  switch (failure.kind) {
    case 'store.unavailable':
    case 'store.throttled':
    case 'store.misconfigured':
    case 'credentials.invalid':
      return 'next-region';
    case 'key.unreadable':
    case 'call.aborted':
      return 'stop';
  }
}

/** What is known about a write that failed. `refused`: because of the record that is stored, as every region would. */
export type WriteOutcome = 'refused' | 'conflicted' | 'not-written' | 'unknown';

/** `not-written` and `conflicted`: surely not written. `unknown`: it may have been, or may still be. */
export function outcomeOfWrite(failure: StoreFailure): WriteOutcome {
  switch (failure.kind) {
    case 'key.unreadable':
    case 'store.revision-stale':
      return 'refused';
    case 'store.conflicted':
      return 'conflicted';
    case 'store.unavailable':
    case 'store.throttled':
    case 'store.misconfigured':
    case 'credentials.invalid':
      return 'not-written';
    case 'store.outcome-unknown':
    case 'call.aborted':
      return 'unknown';
  }
}
