// Authentication: turns the credentials of a request into a caller. A refusal never says what was wrong with a credential.
import type { ResultAsync } from 'neverthrow';
import type { Caller } from '../domain/access/caller.js';
import type { AuthenticationFailed } from '../domain/failures/key-failures.js';
import { token } from './token.js';

/** All credentials of a request. Each authentication method looks only at its own kind. */
export interface Credentials {
  /** The unchanged values of all `Authorization` headers, in order. More than one is refused as ambiguous. */
  readonly authorization: readonly string[];
  /** The client certificate of the TLS connection, valid or not; absent when the client sent none. */
  readonly certificate?: ClientCertificate | undefined;
}

/** The state of a client certificate at the time of the request. */
export interface ClientCertificate {
  /** From subjectAltName, as `uri:spiffe://prod/billing` or `dns:billing.internal`; never the common name. */
  readonly names: readonly string[];
  /** A configured CA signed it for client authentication, and neither the certificate nor that CA is revoked. */
  readonly trusted: boolean;
  /** The validity period, both ends included, in milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** One authentication method, or all configured ones combined. A request with credentials of two methods is refused. */
export interface Authenticator {
  /** The caller and the permissions that the credential itself grants. A refusal's reason is for the log only. */
  authenticate(credentials: Credentials): ResultAsync<Caller, AuthenticationFailed>;
}

export const Authenticator = token<Authenticator>('Authenticator');
