// Limits each caller to the grant in the configuration, for every authentication method: a credential never grants more
// than its caller has. If the configuration has callers, a caller without an entry may do nothing, so that removing the
// entry removes all rights, whatever tokens exist.
import type { ResultAsync } from 'neverthrow';
import type { Caller, Grant } from '../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';

/** :: caller -> grant of the configuration; undefined if no callers are configured and credentials alone decide. */
export type CallerGrants = ReadonlyMap<CallerId, Grant> | undefined;

const notConfigured: Grant = { source: 'not in [[callers]]', permissions: new Set(), ids: [], deny: [] };

/** Adds the configuration's grant to those of the credential. All grants must allow an action. */
export function withConfiguredGrant<C extends Pick<Caller, 'id' | 'grants'>>(
  caller: C,
  configured: CallerGrants,
): C {
  if (configured === undefined) return caller;
  return { ...caller, grants: [configured.get(caller.id) ?? notConfigured, ...caller.grants] };
}

export class ConfiguredCallers implements Authenticator {
  constructor(
    private readonly method: Authenticator,
    private readonly configured: CallerGrants,
  ) {}

  authenticate(credentials: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    if (this.configured === undefined) return this.method.authenticate(credentials);
    return this.method
      .authenticate(credentials)
      .map((caller) => withConfiguredGrant(caller, this.configured));
  }
}
