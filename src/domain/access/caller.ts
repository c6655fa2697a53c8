// Whoever a request speaks for, and what was granted to them, wherever it is written.
import type { IdPattern } from './id-pattern.js';
import type { CallerId } from '../ids.js';

/**
 * `read`: open a key that exists. `create`: make one that does not; needs `read` as well, for its answer is the key.
 * `operate`: see how the regions are, and take one out of use or back. `metrics`: read the metrics, and nothing else.
 */
export const permissions = ['read', 'create', 'operate', 'metrics'] as const;
export type Permission = (typeof permissions)[number];

/** The permissions that are about one id each: patterns say for which. */
export type KeyPermission = Extract<Permission, 'read' | 'create'>;
/** The permissions that are about the service itself. */
export type ServicePermission = Exclude<Permission, KeyPermission>;

export const isKeyPermission = (permission: Permission): permission is KeyPermission =>
  permission === 'read' || permission === 'create';

/** How a caller proved who they are; on the command line, to the operating system. */
export type AuthenticationMethod = 'token' | 'certificate' | 'jwt' | 'command-line';

/** What one place says that a caller may do. */
export interface Grant {
  /** The place, for people: `token AAAABBBBCCCC`, `callers[0]`. */
  readonly source: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The ids that `read` and `create` are for. */
  readonly ids: readonly IdPattern[];
  /** The ids that they are never for; outweighs `ids`. */
  readonly deny: readonly IdPattern[];
}

/** The product of authentication. */
export interface Caller {
  readonly id: CallerId;
  readonly method: AuthenticationMethod;
  /** A caller may do what every one of them allows; with none, nothing. */
  readonly grants: readonly Grant[];
}
