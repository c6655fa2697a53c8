// What a failed call to the store in one region says about that region, and about asking another one.
import { describe, expect, it } from '@jest/globals';
import type { StoreReadFailure } from '../../../src/domain/failures/store-failures.js';
import {
  afterStoreRead,
  regionFaultOf,
  outcomeOfWrite,
  type StoreFailure,
} from '../../../src/domain/failures/store-failures.js';

const failures = {
  'store.unavailable': { kind: 'store.unavailable' },
  'store.throttled': { kind: 'store.throttled' },
  'store.misconfigured': { kind: 'store.misconfigured', detail: 'no table' },
  'credentials.invalid': { kind: 'credentials.invalid' },
  'key.unreadable': { kind: 'key.unreadable', reason: 'broken', detail: 'format' },
  'call.aborted': { kind: 'call.aborted' },
  'store.outcome-unknown': { kind: 'store.outcome-unknown' },
  'store.conflicted': { kind: 'store.conflicted' },
  'store.revision-stale': { kind: 'store.revision-stale' },
} as const satisfies { readonly [Kind in StoreFailure['kind']]: Extract<StoreFailure, { kind: Kind }> };

describe('the fault of a region', () => {
  it.each<readonly [StoreFailure, object | undefined]>([
    [failures['store.unavailable'], { kind: 'region.unavailable', reason: 'unreachable' }],
    [
      { kind: 'store.unavailable', reason: 'timed-out' },
      { kind: 'region.unavailable', reason: 'timed-out' },
    ],
    [failures['store.outcome-unknown'], { kind: 'region.unavailable', reason: 'unreachable' }],
    [
      { kind: 'store.outcome-unknown', reason: 'timed-out' },
      { kind: 'region.unavailable', reason: 'timed-out' },
    ],
    [{ kind: 'store.unavailable', reason: 'untrusted' }, { kind: 'region.untrusted' }],
    [{ kind: 'store.outcome-unknown', reason: 'untrusted' }, { kind: 'region.untrusted' }],
    [failures['store.throttled'], { kind: 'region.throttled' }],
    [failures['store.misconfigured'], failures['store.misconfigured']],
    [failures['credentials.invalid'], { kind: 'credentials.invalid' }],
    [failures['call.aborted'], { kind: 'call.aborted' }],
    [failures['key.unreadable'], undefined],
    [failures['store.revision-stale'], undefined],
    [failures['store.conflicted'], undefined],
  ])('that failed with %j is %j', (failure, fault) => {
    expect(regionFaultOf(failure)).toEqual(fault);
  });
});

describe('after a read that failed', () => {
  it.each<readonly [StoreReadFailure['kind'], string]>([
    ['store.unavailable', 'next-region'],
    ['store.throttled', 'next-region'],
    ['store.misconfigured', 'next-region'],
    ['credentials.invalid', 'next-region'],
    ['key.unreadable', 'stop'],
    ['call.aborted', 'stop'],
  ])('with %s comes: %s', (kind, after) => {
    expect(afterStoreRead(failures[kind])).toBe(after);
  });
});

describe('a write that failed', () => {
  it.each<readonly [StoreFailure['kind'], string]>([
    ['key.unreadable', 'refused'],
    ['store.revision-stale', 'refused'],
    ['store.conflicted', 'conflicted'],
    ['store.unavailable', 'not-written'],
    ['store.throttled', 'not-written'],
    ['store.misconfigured', 'not-written'],
    ['credentials.invalid', 'not-written'],
    ['store.outcome-unknown', 'unknown'],
    ['call.aborted', 'unknown'],
  ])('with %s is %s (I8)', (kind, standing) => {
    expect(outcomeOfWrite(failures[kind])).toBe(standing);
  });
});
