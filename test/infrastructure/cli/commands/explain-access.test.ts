// What is explained to an operator of a caller who needs no token: the configuration alone decides.
import { describe, expect, it } from '@jest/globals';
import { explainAccess } from '../../../../src/infrastructure/cli/commands/explain-access.js';
import { isRecognised } from '../../../../src/infrastructure/config/schema/identities.js';
import { grant } from '../../../support/callers.js';
import { callerId, keyId } from '../../../support/names.js';

const billing = callerId('billing');
const configured = new Map([[billing, grant(['read'], { source: 'callers[0]', ids: ['billing/*'] })]]);
const explained = (recognised: boolean): unknown =>
  explainAccess({ caller: billing, id: keyId('billing/42'), recognised }, configured, [], 0);

describe('a caller without a token', () => {
  it('that is recognised by something else has what the configuration allows', () => {
    expect(explained(true)).toEqual([
      { permission: 'read', allowed: true, by: ['callers[0] ids "billing/*"'] },
      { permission: 'create', allowed: false, by: ['default deny: callers[0] does not allow it'] },
      { permission: 'operate', allowed: false, by: ['default deny: callers[0] does not allow it'] },
      { permission: 'metrics', allowed: false, by: ['default deny: callers[0] does not allow it'] },
    ]);
  });

  it('that is recognised by nothing has nothing', () => {
    const by = ['default deny: the caller has no token that is good now'];
    const all = ['read', 'create', 'operate', 'metrics'];
    const nothing = all.map((permission) => ({ permission, allowed: false, by }));
    expect(explained(false)).toEqual(nothing);
  });

  it.each([
    ['nothing', {}, false],
    ['empty lists', { certificates: [], subjects: [], service_accounts: [] }, false],
    ['a certificate', { certificates: ['dns:a'] }, true],
    ['a subject', { subjects: [{ issuer: 'i', subject: 's' }] }, true],
    ['a service account', { service_accounts: [{ issuer: 'i', namespace: 'n', name: 'a' }] }, true],
  ])('is recognised by %s: or is not', (_, by, expected) => {
    expect(isRecognised([{ name: billing, ...by }], billing)).toBe(expected);
    expect(isRecognised([{ name: billing, ...by }], callerId('reports'))).toBe(false);
  });
});
