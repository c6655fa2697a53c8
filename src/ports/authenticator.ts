// Who speaks? Turns what came with a request into a caller, or refuses without a reason.
import type { ResultAsync } from 'neverthrow';
import type { Caller } from '../domain/access/caller.js';
import type { AuthenticationFailed } from '../domain/failures/key-failures.js';
import { token } from './token.js';

/** What a request brought to prove who it speaks for, all of it: a method judges only what is its own. */
export interface Credentials {
  /** Every `Authorization` header as it came, in order. More than one is a contradiction, and no credential. */
  readonly authorization: readonly string[];
  /** The certificate that the connection was made with, good or not; absent when there is none. */
  readonly certificate?: ClientCertificate | undefined;
}

/** What is known of a caller's certificate at the moment of the request. */
export interface ClientCertificate {
  /** `uri:spiffe://prod/billing`, `dns:billing.internal`: what its subjectAltName says; never its common name. */
  readonly names: readonly string[];
  /** An authority of ours signed it for authenticating clients, and neither was withdrawn since. */
  readonly trusted: boolean;
  /** It is valid within these two, in milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** One method of authentication, or all of them behind one door. A request uses one method: a second one refuses it. */
export interface Authenticator {
  /** The caller with what the credential itself grants. Every refusal looks the same, whatever was wrong. */
  authenticate(credentials: Credentials): ResultAsync<Caller, AuthenticationFailed>;
}

export const Authenticator = token<Authenticator>('Authenticator');
