// May this caller do this? Rows of allow and deny.
import { describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { may, requirePermission } from '../../src/domain/access.js';
import { permissions, type Permission } from '../../src/domain/caller.js';
import { callerId } from '../support/names.js';

const rows: readonly (readonly [readonly Permission[], Permission, boolean])[] = [
  [[], 'read', false],
  [[], 'create', false],
  [['read'], 'read', true],
  [['read'], 'create', false],
  [['create'], 'read', false],
  [['create'], 'create', true],
  [['read', 'create'], 'read', true],
  [['read', 'create'], 'create', true],
  [['read', 'create'], 'operate', false],
  [['operate'], 'operate', true],
  [['operate'], 'read', false],
];

describe('a caller', () => {
  it.each(rows)('with the permissions %j may %s: %j', (granted, permission, allowed) => {
    const caller = { id: callerId('app'), method: 'token', permissions: new Set(granted) } as const;
    const expected = allowed ? ok(permission) : err({ kind: 'access.denied', permission });
    expect(may(caller, permission)).toBe(allowed);
    expect(requirePermission(caller, permission)).toEqual(expected);
  });

  it('can have the permissions to read, to create and to operate, and no other', () => {
    expect(permissions).toEqual(['read', 'create', 'operate']);
  });
});
