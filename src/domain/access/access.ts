// May this caller do this, to this id? Default deny: what nothing allows is refused, no permission implies another, every
// grant must allow it, and a denied pattern outweighs any other. The explanation is the decision itself, so that what is
// explained cannot differ from what is done.
import { err, ok, type Result } from 'neverthrow';
import type { Caller, Grant, KeyPermission, Permission, ServicePermission } from './caller.js';
import { matchesId, type IdPattern } from './id-pattern.js';
import type { KeyId } from '../ids.js';

export type AccessDenied = { readonly kind: 'access.denied'; readonly permission: Permission };

/** What somebody wants to do: a permission, and the id where it is about one. */
export type Wanted =
  readonly [permission: KeyPermission, id: KeyId] | readonly [permission: ServicePermission];

/** What one grant says, and by what: `pattern` is the one that decided. */
export interface Verdict {
  readonly source: string;
  readonly by: 'permission' | 'pattern' | 'no-permission' | 'denied-pattern' | 'no-pattern';
  readonly pattern?: string;
}

/** Every grant's verdict; allowed when there is one and all allow. */
export interface Decision {
  readonly allowed: boolean;
  readonly verdicts: readonly Verdict[];
}

export function decide({ grants }: Pick<Caller, 'grants'>, ...wanted: Wanted): Decision {
  const verdicts = grants.map((grant) => verdictOf(grant, wanted));
  return { allowed: verdicts.length > 0 && verdicts.every(allows), verdicts };
}

export const may = (caller: Caller, ...wanted: Wanted): boolean => decide(caller, ...wanted).allowed;

/** Ok when the caller may; the refusal names the permission, and never which pattern decided. */
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
