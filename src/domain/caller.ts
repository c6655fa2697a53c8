// Whoever a request speaks for, and what the configuration lets them do.
import type { CallerId } from './ids.js';

/** `read`: open a key that exists. `create`: make one that does not; needs `read` as well, for its answer is the key. */
export const permissions = ['read', 'create'] as const;
export type Permission = (typeof permissions)[number];

/** The product of authentication. */
export interface Caller {
  readonly id: CallerId;
  readonly method: 'token';
  readonly permissions: ReadonlySet<Permission>;
}
