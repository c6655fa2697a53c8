// What a failed call to the store in one region says: about that region, for whoever keeps account of its health, and about
// asking another one. Each is one exhaustive look at the kind, so that a new failure cannot be forgotten here.
import type {
  AfterFailure,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
  VaultFailure,
} from './key-failures.js';

/** How one call to the store in one region can fail. */
export type StoreFailure = StoreWriteFailure | StoreRevisionStale;

/** The region's fault in the words of region health, or undefined where the region did what it should. */
export function regionFaultOf(failure: StoreFailure): VaultFailure | undefined {
  switch (failure.kind) {
    case 'store.unavailable':
    case 'store.outcome-unknown':
      return failure.reason === 'untrusted'
        ? { kind: 'region.untrusted' }
        : { kind: 'region.unavailable', reason: failure.reason ?? 'unreachable' };
    case 'store.throttled':
      return { kind: 'region.throttled' };
    case 'store.misconfigured':
      return { kind: 'vault.misconfigured', reason: 'table' };
    case 'credentials.invalid':
    case 'call.aborted':
      return failure;
    case 'key.unreadable':
    case 'store.revision-stale':
    case 'store.conflicted':
      return undefined;
  }
}

/** Whether another region may still answer: not when nobody waits any more, and a record is as broken everywhere. */
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

/** What is known of a write that failed. `refused`: what the store holds decided against it, and would in every region. */
export type WriteStanding = 'refused' | 'conflicted' | 'not-written' | 'unknown';

export function standingOfWrite(failure: StoreFailure): WriteStanding {
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
