// Decides by the form of what a request brought which method of authentication judges it. One request, one method: whoever
// brings two credentials is refused, because the two might speak for different callers, or one might be a leftover.
import { errAsync, type ResultAsync } from 'neverthrow';
import type { AuthenticationMethod, Caller } from '../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../domain/failures/key-failures.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';

/** The methods that are configured. */
export type AuthenticationMethods = Readonly<Partial<Record<AuthenticationMethod, Authenticator>>>;

export class AuthenticatorSelector implements Authenticator {
  constructor(private readonly methods: AuthenticationMethods) {}

  authenticate(credentials: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const method = methodOf(credentials);
    const judge = method && this.methods[method];
    return judge ? judge.authenticate(credentials) : errAsync({ kind: 'authentication.failed' });
  }
}

/** A certificate counts as brought also when it is bad: it is no way round to the other methods. */
function methodOf({ authorization, certificate }: Credentials): AuthenticationMethod | undefined {
  const [header, second] = authorization;
  if (certificate !== undefined) return header === undefined ? 'certificate' : undefined;
  if (header === undefined || second !== undefined) return undefined;
  return isThreeParts.test(header) ? 'jwt' : 'token';
}

/** No bearer token of ours has a dot. */
const isThreeParts = /^Bearer [^. ]*\.[^. ]*\.[^. ]*$/i;
