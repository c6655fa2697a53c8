// The authenticated caller of a request, and its grants from the credential and from the configuration.
import type { IdPattern } from './id-pattern.js';
import type { CallerId } from '../ids.js';

/**
 * `read`: get existing keys. `create`: create missing keys; needs `read` as well, because the answer has the key.
 * `operate`: see the state of the regions, drain and undrain them. `metrics`: read the metrics.
 */
export const permissions = ['read', 'create', 'operate', 'metrics'] as const;
export type Permission = (typeof permissions)[number];

/** The permissions that apply to keys; patterns say to which ids. */
export type KeyPermission = Extract<Permission, 'read' | 'create'>;
/** The permissions that apply to the service itself. */
export type ServicePermission = Exclude<Permission, KeyPermission>;

export const isKeyPermission = (permission: Permission): permission is KeyPermission =>
  permission === 'read' || permission === 'create';

/** How a caller was authenticated; `command-line`: by the operating system. */
export type AuthenticationMethod = 'token' | 'certificate' | 'jwt' | 'command-line';

/** The rights that one source, a credential or the configuration, gives to a caller. */
export interface Grant {
  /** For display: `token AAAABBBBCCCC`, `callers[0]`. */
  readonly source: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The ids to which `read` and `create` apply. */
  readonly ids: readonly IdPattern[];
  /** The ids to which they never apply; overrides `ids`. */
  readonly deny: readonly IdPattern[];
}

/** The result of authentication. */
export interface Caller {
  readonly id: CallerId;
  readonly method: AuthenticationMethod;
  /** An action needs every grant to allow it; without grants nothing is allowed. */
  readonly grants: readonly Grant[];
}
