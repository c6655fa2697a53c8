// What the configuration says of callers, laid over whatever method of authentication they used: a credential never
// grants more than its caller has. Where callers are configured, one who is not may do nothing, so that taking a caller
// out of the configuration takes all of their rights, whatever tokens they hold.
import type { ResultAsync } from 'neverthrow';
import type { Caller, Grant } from '../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';

/** :: caller -> what the configuration grants; undefined when it configures no callers and credentials alone decide. */
export type CallerGrants = ReadonlyMap<CallerId, Grant> | undefined;

const notConfigured: Grant = { source: 'not in [[callers]]', permissions: new Set(), ids: [], deny: [] };

/** The caller with the configuration's grant beside those of the credential. */
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
    return this.method
      .authenticate(credentials)
      .map((caller) => withConfiguredGrant(caller, this.configured));
  }
}
