// Who may read the metrics.
import { describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { GuardedMetrics } from '../../../src/application/access/guarded-metrics.js';
import { permissions } from '../../../src/domain/access/caller.js';
import { callerWith } from '../../support/callers.js';
import { noMetrics } from '../../support/no-metrics.js';

const page = { contentType: 'text/plain', text: '' };

describe.each(permissions)('a caller with the permission to %s', (permission) => {
  it(permission === 'metrics' ? 'reads them' : 'is denied them', async () => {
    const guarded = new GuardedMetrics(noMetrics, false);
    const denied = { kind: 'access.denied', permission: 'metrics' };
    const expected = permission === 'metrics' ? ok(page) : err(denied);
    expect(await guarded.read(callerWith([permission]))).toEqual(expected);
  });
});

describe('an unauthenticated client', () => {
  it('reads them if they are public', async () => {
    expect(await new GuardedMetrics(noMetrics, true).readPublicly()).toEqual(page);
  });

  it('reads them only if they are public, whatever the route does', () => {
    expect(() => new GuardedMetrics(noMetrics, false).readPublicly()).toThrow('not public');
  });
});
