// Decides whether a caller may do something, for an id where the permission needs one. Denies by default: no permission
// implies another, every grant must allow the action, and a denied pattern overrides allowed ones. `rkms access explain` prints
// this decision itself, so that the explanation cannot differ from what is enforced.
import { err, ok, type Result } from 'neverthrow';
import type { Caller, Grant, KeyPermission, Permission, ServicePermission } from './caller.js';
import { matchesId, type IdPattern } from './id-pattern.js';
import type { KeyId } from '../ids.js';

export type AccessDenied = { readonly kind: 'access.denied'; readonly permission: Permission };

/** The action to decide on: a permission, with the id of the key for permissions on keys. */
export type Wanted =
  readonly [permission: KeyPermission, id: KeyId] | readonly [permission: ServicePermission];

/** The decision of one grant. `by` is the reason; `pattern` is the pattern that decided. */
export interface Verdict {
  readonly source: string;
  readonly by: 'permission' | 'pattern' | 'no-permission' | 'denied-pattern' | 'no-pattern';
  readonly pattern?: string;
}

/** Allowed if there is at least one grant and every grant allows the action. */
export interface Decision {
  readonly allowed: boolean;
  readonly verdicts: readonly Verdict[];
}

export function decide({ grants }: Pick<Caller, 'grants'>, ...wanted: Wanted): Decision {
  const verdicts = grants.map((grant) => verdictOf(grant, wanted));
  return { allowed: verdicts.length > 0 && verdicts.every(allows), verdicts };
}

export const may = (caller: Caller, ...wanted: Wanted): boolean => decide(caller, ...wanted).allowed;

/** `access.denied` names the missing permission, and never the pattern that decided. */
export function requirePermission(caller: Caller, ...wanted: Wanted): Result<Permission, AccessDenied> {
  const [permission] = wanted;
  return may(caller, ...wanted) ? ok(permission) : err({ kind: 'access.denied', permission });
}

export const allows = ({ by }: Verdict): boolean => by === 'permission' || by === 'pattern';

function verdictOf({ source, permissions, ids, deny }: Grant, [permission, id]: Wanted): Verdict {
  if (!permissions.has(permission)) return { source, by: 'no-permission' };
  if (id === undefined) return { source, by: 'permission' };
  const denied = firstMatch(deny, id);
  if (denied) return { source, by: 'denied-pattern', pattern: denied.text };
  const allowed = firstMatch(ids, id);
  return allowed ? { source, by: 'pattern', pattern: allowed.text } : { source, by: 'no-pattern' };
}

const firstMatch = (patterns: readonly IdPattern[], id: KeyId): IdPattern | undefined =>
  patterns.find((pattern) => matchesId(pattern, id));
