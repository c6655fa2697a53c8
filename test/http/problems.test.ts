// Failures as problem documents: every kind has its row, and nothing but the row leaves the service.
import { describe, expect, it } from '@jest/globals';
import { problemOf, type HttpFailure } from '../../src/adapters/http/server/problems.js';
import type { FailedAttempt } from '../../src/domain/failures/region-failures.js';
import { deployment, region } from '../support/names.js';
import { vaultFailures } from '../support/vault-failures.js';

const arn = 'arn:aws:kms:canary-region-1:111122223333:key/canary';
const cause = Object.assign(new Error(`canary: ${arn}`), { code: 'canary', stack: 'canary at canary.ts' });
const attempts: readonly FailedAttempt[] = Object.values(vaultFailures).map((failure) => ({
  region: region('canary-region-1'),
  failure: 'cause' in failure ? { ...failure, cause } : failure,
}));

/** One failure of every kind, with a canary in every field that is free text; a new kind does not compile until it is here. */
const failures: { readonly [Kind in HttpFailure['kind']]: HttpFailure & { readonly kind: Kind } } = {
  'request.body-invalid': { kind: 'request.body-invalid' },
  'request.body-too-large': { kind: 'request.body-too-large' },
  'request.body-unexpected': { kind: 'request.body-unexpected' },
  'request.encoding-invalid': { kind: 'request.encoding-invalid' },
  'request.headers-too-large': { kind: 'request.headers-too-large' },
  'request.id-invalid': { kind: 'request.id-invalid' },
  'request.id-missing': { kind: 'request.id-missing' },
  'request.id-repeated': { kind: 'request.id-repeated' },
  'request.malformed': { kind: 'request.malformed' },
  'request.media-type-unsupported': { kind: 'request.media-type-unsupported' },
  'request.method-not-allowed': { kind: 'request.method-not-allowed' },
  'request.parameter-unknown': { kind: 'request.parameter-unknown' },
  'request.path-unknown': { kind: 'request.path-unknown' },
  'request.too-slow': { kind: 'request.too-slow' },
  'request.uri-too-long': { kind: 'request.uri-too-long' },
  'authentication.failed': { kind: 'authentication.failed' },
  'access.denied': { kind: 'access.denied', permission: 'create' },
  'creation.over-quota': { kind: 'creation.over-quota', limit: 'day', retryAfterMs: 7_654 },
  'key.not-found': { kind: 'key.not-found' },
  'key.unreadable': { kind: 'key.unreadable', reason: 'broken', detail: `canary ${arn}` },
  'regions.exhausted': { kind: 'regions.exhausted', attempts },
  'regions.below-quorum': { kind: 'regions.below-quorum', proven: 1, quorum: 2, attempts },
  'store.unavailable': { kind: 'store.unavailable', cause },
  'store.throttled': { kind: 'store.throttled', cause },
  'store.misconfigured': { kind: 'store.misconfigured', detail: `canary ${arn}`, cause },
  'store.foreign': {
    kind: 'store.foreign',
    expected: deployment('canary-expected'),
    found: deployment('canary-found'),
  },
  'store.written-elsewhere': {
    kind: 'store.written-elsewhere',
    expected: region('canary-region-1'),
    found: region('canary-region-2'),
  },
  'store.conflicted': { kind: 'store.conflicted', cause },
  'store.outcome-unknown': { kind: 'store.outcome-unknown', cause },
  'service.overloaded': { kind: 'service.overloaded' },
  'credentials.invalid': { kind: 'credentials.invalid', cause },
  'audit.unavailable': { kind: 'audit.unavailable', cause },
  'call.aborted': { kind: 'call.aborted' },
  'vault.request-invalid': { kind: 'vault.request-invalid', cause },
  internal: { kind: 'internal' },
};

const statuses: Readonly<Record<HttpFailure['kind'], number>> = {
  'request.body-invalid': 400,
  'request.body-too-large': 413,
  'request.body-unexpected': 400,
  'request.encoding-invalid': 400,
  'request.headers-too-large': 431,
  'request.id-invalid': 400,
  'request.id-missing': 400,
  'request.id-repeated': 400,
  'request.malformed': 400,
  'request.media-type-unsupported': 415,
  'request.method-not-allowed': 405,
  'request.parameter-unknown': 400,
  'request.path-unknown': 404,
  'request.too-slow': 408,
  'request.uri-too-long': 414,
  'authentication.failed': 401,
  'access.denied': 403,
  'creation.over-quota': 429,
  'key.not-found': 404,
  'key.unreadable': 500,
  'regions.exhausted': 503,
  'regions.below-quorum': 503,
  'store.unavailable': 503,
  'store.throttled': 503,
  'store.misconfigured': 500,
  'store.foreign': 500,
  'store.written-elsewhere': 500,
  'store.conflicted': 503,
  'store.outcome-unknown': 503,
  'service.overloaded': 503,
  'credentials.invalid': 503,
  'audit.unavailable': 503,
  'call.aborted': 503,
  'vault.request-invalid': 500,
  internal: 500,
};

describe.each(Object.values(failures))('the problem document of $kind', (failure) => {
  const problem = problemOf(failure, 'r-1');

  it('has exactly type, status, title, detail and request id', () => {
    const { title, detail } = problem;
    expect([title, detail]).toEqual([expect.stringMatching(/^[A-Z]/), expect.stringMatching(/^[A-Z].*\.$/)]);
    expect(problem).toStrictEqual({
      type: `urn:rkms:problem:${failure.kind}`,
      title,
      status: statuses[failure.kind],
      detail,
      requestId: 'r-1',
      ...(failure.kind === 'access.denied' ? { permission: 'create' } : {}),
      ...(failure.kind === 'creation.over-quota' ? { limit: 'day' } : {}),
    });
  });

  it('contains no causes, regions, ARNs or details that are for the log', () => {
    const text = JSON.stringify(problem);
    expect(text).not.toMatch(/canary|arn:|region-1|111122223333|\d\/\d/i);
  });

  it('has Retry-After if, and only if, a retry may help', () => {
    expect(problem.detail.includes('Retry-After')).toBe([429, 503].includes(problem.status));
  });
});

describe('the detail of a refused request', () => {
  it('replaces that of the table, for it was written for the sender', () => {
    const failure: HttpFailure = { kind: 'request.id-invalid', detail: 'The id is too long.' };
    expect(problemOf(failure, 'r-1').detail).toBe('The id is too long.');
  });
});
