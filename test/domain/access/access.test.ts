// May this caller do this, to this id? Rows of allow and deny, the explanation of each, and the rules against a naive model.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { decide, may, requirePermission, type Verdict } from '../../../src/domain/access/access.js';
import {
  isKeyPermission,
  permissions,
  type Caller,
  type Permission,
} from '../../../src/domain/access/caller.js';
import { parseIdPattern } from '../../../src/domain/access/id-pattern.js';
import { callerWith, grant } from '../../support/callers.js';
import { naivelyMay } from '../../support/naive-access.js';
import { keyId } from '../../support/names.js';
import { manyRuns } from '../../support/tiers.js';

const mayDo = (caller: Caller, permission: Permission, id: string): boolean =>
  isKeyPermission(permission) ? may(caller, permission, keyId(id)) : may(caller, permission);

describe('a caller', () => {
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
    [['operate'], 'metrics', false],
    [['metrics'], 'metrics', true],
    [['metrics'], 'operate', false],
    [['metrics'], 'read', false],
  ];
  it.each(rows)('with the permissions %j may %s: %j', (granted, permission, allowed) => {
    expect(mayDo(callerWith(granted), permission, 'a')).toBe(allowed);
  });

  it('can have the permissions to read, to create, to operate and to read metrics, and no other', () => {
    expect(permissions).toEqual(['read', 'create', 'operate', 'metrics']);
  });

  it('without a permission learns which one is missing, and never which pattern decided', () => {
    const refused = err({ kind: 'access.denied', permission: 'read' });
    const asked = (caller: Caller) => requirePermission(caller, 'read', keyId('a/b'));
    expect(asked(callerWith(['read']))).toEqual(ok('read'));
    for (const caller of [
      callerWith([]),
      callerWith(['read'], { ids: ['a/c'] }),
      callerWith(['read'], { deny: ['a/*'] }),
    ]) {
      expect(asked(caller)).toStrictEqual(refused);
    }
  });

  it('without grants may do nothing', () => {
    const nobody: Caller = { ...callerWith([]), grants: [] };
    expect(permissions.map((permission) => mayDo(nobody, permission, 'a'))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('patterns', () => {
  it.each([
    [{ ids: ['billing/*'] }, 'billing/42', true],
    [{ ids: ['billing/*'] }, 'payroll/42', false],
    [{ ids: ['billing/*', 'payroll/*'] }, 'payroll/42', true],
    [{ ids: [] }, 'billing/42', false],
    [{ ids: ['**'], deny: ['billing/secret/**'] }, 'billing/secret/1', false],
    [{ ids: ['**'], deny: ['billing/secret/**'] }, 'billing/42', true],
    [{ ids: ['billing/42'], deny: ['billing/*'] }, 'billing/42', false],
    [{ ids: ['billing/42'], deny: ['billing/42'] }, 'billing/42', false],
  ])('%j are for the id %s: %j', (rights, id, allowed) => {
    const caller = callerWith(['read', 'create'], rights);
    expect([mayDo(caller, 'read', id), mayDo(caller, 'create', id)]).toEqual([allowed, allowed]);
  });

  it('say nothing of the permission to operate, which is about no id', () => {
    expect(may(callerWith(['operate'], { ids: [], deny: ['**'] }), 'operate')).toBe(true);
  });
});

describe('several grants', () => {
  const wide = grant(['read', 'create', 'operate'], { source: 'wide' });
  const narrow = grant(['read'], { source: 'narrow', ids: ['billing/*'] });
  const both: Caller = { ...callerWith([]), grants: [wide, narrow] };
  const verdicts = (...wanted: Parameters<typeof decide> extends [unknown, ...infer Rest] ? Rest : never) =>
    decide(both, ...wanted);

  it('allow what each of them allows, and each says by what', () => {
    expect(verdicts('read', keyId('billing/42'))).toEqual({
      allowed: true,
      verdicts: [
        { source: 'wide', by: 'pattern', pattern: '**' },
        { source: 'narrow', by: 'pattern', pattern: 'billing/*' },
      ],
    });
  });

  it.each<[string, ReturnType<typeof decide>, Verdict]>([
    ['a pattern', verdicts('read', keyId('payroll/42')), { source: 'narrow', by: 'no-pattern' }],
    ['a permission', verdicts('create', keyId('billing/42')), { source: 'narrow', by: 'no-permission' }],
    ['the permission to operate', verdicts('operate'), { source: 'narrow', by: 'no-permission' }],
  ])('refuse where one of them lacks %s', (_, decision, refusing) => {
    expect([decision.allowed, decision.verdicts.at(-1)]).toEqual([false, refusing]);
  });

  it('say by which pattern they deny, and that a permission without ids is by itself', () => {
    const denying = { grants: [grant(['read', 'operate'], { source: 's', deny: ['a/*', 'a/b'] })] };
    expect(decide(denying, 'read', keyId('a/b')).verdicts).toEqual([
      { source: 's', by: 'denied-pattern', pattern: 'a/*' },
    ]);
    expect(decide(denying, 'operate')).toEqual({
      allowed: true,
      verdicts: [{ source: 's', by: 'permission' }],
    });
  });
});

describe('the rules', () => {
  const pattern = fc
    .string({ unit: fc.constantFrom('a', 'b', '/', '*'), minLength: 1, maxLength: 5 })
    .filter((text) => parseIdPattern(text).isOk());
  const patterns = fc.array(pattern, { maxLength: 3 });
  const grants = fc.array(
    fc.record({ allow: fc.subarray([...permissions]), ids: patterns, deny: patterns }),
    { maxLength: 3 },
  );
  const ids = fc
    .string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 5 })
    .filter((text) => !text.startsWith('/'));

  it('agree with a naive model, for all grants, permissions and ids', () => {
    fc.assert(
      fc.property(grants, fc.constantFrom(...permissions), ids, (granted, permission, id) => {
        const caller: Caller = {
          ...callerWith([]),
          grants: granted.map(({ allow, ...rights }) => grant(allow, rights)),
        };
        expect(mayDo(caller, permission, id)).toBe(naivelyMay(granted, permission, id));
      }),
      { numRuns: manyRuns(3_000) },
    );
  });

  it('give a caller no more when another grant is laid over theirs', () => {
    fc.assert(
      fc.property(grants, grants, fc.constantFrom(...permissions), ids, (some, more, permission, id) => {
        fc.pre(some.length > 0);
        const of = (granted: typeof some): Caller => ({
          ...callerWith([]),
          grants: granted.map(({ allow, ...rights }) => grant(allow, rights)),
        });
        if (mayDo(of([...some, ...more]), permission, id)) expect(mayDo(of(some), permission, id)).toBe(true);
      }),
    );
  });
});
