// Selects the authentication method by the form of the credentials. Each request is authenticated by exactly one method:
// a request with two credentials is refused, because they could belong to different callers.
import { errAsync, type ResultAsync } from 'neverthrow';
import type { AuthenticationMethod, Caller } from '../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../domain/failures/key-failures.js';
import type { Authenticator, Credentials } from '../../ports/authenticator.js';

/** :: method -> its authenticator; methods that are not configured are absent. */
export type AuthenticationMethods = Readonly<Partial<Record<AuthenticationMethod, Authenticator>>>;

export class AuthenticatorSelector implements Authenticator {
  constructor(private readonly methods: AuthenticationMethods) {}

  authenticate(credentials: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const method = methodOf(credentials);
    if (method === undefined) {
      const reason = isWithoutCredentials(credentials) ? 'missing' : 'several';
      return errAsync({ kind: 'authentication.failed', reason });
    }
    return (
      this.methods[method]?.authenticate(credentials) ??
      errAsync({ kind: 'authentication.failed', reason: 'method' })
    );
  }
}

/** An untrusted certificate counts as a credential too: another method must not be used instead. */
function methodOf({ authorization, certificate }: Credentials): AuthenticationMethod | undefined {
  const [header, second] = authorization;
  if (certificate !== undefined) return header === undefined ? 'certificate' : undefined;
  if (header === undefined || second !== undefined) return undefined;
  return isThreeParts.test(header) ? 'jwt' : 'token';
}

const isWithoutCredentials = ({ authorization, certificate }: Credentials): boolean =>
  authorization.length === 0 && certificate === undefined;

/** A JWT has three parts; tokens of RKMS contain no dot. */
const isThreeParts = /^Bearer [^. ]*\.[^. ]*\.[^. ]*$/i;
