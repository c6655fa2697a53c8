// Whoever a request speaks for, and what the configuration lets them do.
import type { CallerId } from './ids.js';

/**
 * `read`: open a key that exists. `create`: make one that does not; needs `read` as well, for its answer is the key.
 * `operate`: see how the regions are, and take one out of use or back.
 */
export const permissions = ['read', 'create', 'operate'] as const;
export type Permission = (typeof permissions)[number];

/** The product of authentication. */
export interface Caller {
  readonly id: CallerId;
  readonly method: 'token';
  readonly permissions: ReadonlySet<Permission>;
}
