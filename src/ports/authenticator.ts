// Who speaks? Turns what came with a request into a caller, or refuses without a reason.
import type { ResultAsync } from 'neverthrow';
import type { Caller } from '../domain/caller.js';
import type { AuthenticationFailed } from '../domain/failures.js';
import { token } from './token.js';

/** What a request brought to prove who it speaks for. */
export interface Credentials {
  /** The `Authorization` header as it came. */
  readonly authorization: string | undefined;
}

export interface Authenticator {
  /** Every refusal looks the same, whatever was wrong. */
  authenticate(credentials: Credentials): ResultAsync<Caller, AuthenticationFailed>;
}

export const Authenticator = token<Authenticator>('Authenticator');
