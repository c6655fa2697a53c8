// Authenticates by the connection's client certificate: trusted, valid at the time of the request, and with names of exactly
// one caller. Never uses the common name or a wildcard name.
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import type { Caller } from '../../domain/access/caller.js';
import type {
  AuthenticationFailed,
  AuthenticationFailureReason,
} from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Authenticator, ClientCertificate, Credentials } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';

/** :: name in a certificate, as `uri:spiffe://prod/billing` or `dns:billing.internal` -> its caller */
export type CertificateNames = ReadonlyMap<string, CallerId>;

export class CertificateAuthenticator implements Authenticator {
  constructor(
    private readonly names: CertificateNames,
    private readonly clock: Clock,
  ) {}

  /** The caller without grants: the configuration alone decides what the caller may do. */
  authenticate({ certificate }: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const nowMs = this.clock.nowMs();
    if (certificate === undefined) return refused('missing');
    if (!certificate.trusted) return refused('untrusted');
    if (nowMs < certificate.notBeforeMs) return refused('not-yet-valid');
    if (nowMs > certificate.notAfterMs) return refused('expired');
    const id = this.callerOf(certificate);
    return id === undefined ? refused('subject') : okAsync({ id, method: 'certificate', grants: [] });
  }

  /** Names that belong to no caller are ignored; names of two callers are a contradiction. */
  private callerOf({ names }: ClientCertificate): CallerId | undefined {
    const [caller, second] = new Set(names.flatMap((name) => this.names.get(name) ?? []));
    return second === undefined ? caller : undefined;
  }
}

const refused = (reason: AuthenticationFailureReason): ResultAsync<never, AuthenticationFailed> =>
  errAsync({ kind: 'authentication.failed', reason });
