// May this caller do this? Default deny: what nothing allows is refused, and no permission implies another.
import { err, ok, type Result } from 'neverthrow';
import type { Caller, Permission } from './caller.js';
import type { AccessDenied } from './failures.js';

export const may = (caller: Caller, permission: Permission): boolean => caller.permissions.has(permission);

/** Ok when the caller has the permission. */
export function requirePermission(caller: Caller, permission: Permission): Result<Permission, AccessDenied> {
  return may(caller, permission) ? ok(permission) : err({ kind: 'access.denied', permission });
}
