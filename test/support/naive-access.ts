// Rights as one would write them down first, to compare the real ones with: patterns by a regular expression, decisions by
// plain lists.
import type { Permission } from '../../src/domain/access/caller.js';

export interface NaiveGrant {
  readonly allow: readonly Permission[];
  readonly ids: readonly string[];
  readonly deny: readonly string[];
}

export function naivelyMatches(pattern: string, id: string): boolean {
  const source = pattern
    .replaceAll(/[.+]/g, '\\$&')
    .replace(/\*\*$/, '@@')
    .replaceAll('*', '[^/]*')
    .replace('@@', '.*');
  return new RegExp(`^${source}$`).test(id);
}

export const naivelyMay = (grants: readonly NaiveGrant[], permission: Permission, id: string): boolean =>
  grants.length > 0 &&
  grants.every(({ allow, ids, deny }) => {
    if (!allow.includes(permission)) return false;
    if (permission === 'operate' || permission === 'metrics') return true;
    const any = (patterns: readonly string[]) => patterns.some((pattern) => naivelyMatches(pattern, id));
    return any(ids) && !any(deny);
  });
