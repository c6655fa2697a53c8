// What an architect binds an implementation to. A token is a symbol that remembers its service's type, so that a
// binding of the wrong type does not compile.
import type { ServiceIdentifier } from 'inversify';

export type Token<Service> = ServiceIdentifier<Service>;

/** A token for `Service`; `name` is shown when nothing is bound to it. */
export const token = <Service>(name: string): Token<Service> => Symbol(name);
