// Authenticates by the client certificate of the connection: trusted, valid at this very moment, and with names of exactly
// one caller. Never by a common name, and never by a name that stands for many.
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import type { Caller } from '../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Authenticator, ClientCertificate, Credentials } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';

/** :: name in a certificate, as `uri:spiffe://prod/billing` or `dns:billing.internal` -> whose it is */
export type CertificateNames = ReadonlyMap<string, CallerId>;

export class CertificateAuthenticator implements Authenticator {
  constructor(
    private readonly names: CertificateNames,
    private readonly clock: Clock,
  ) {}

  /** The caller without a grant of the certificate's own: what it may do is in the configuration alone. */
  authenticate({ certificate }: Credentials): ResultAsync<Caller, AuthenticationFailed> {
    const id = certificate && this.isGood(certificate) ? this.callerOf(certificate) : undefined;
    return id === undefined
      ? errAsync({ kind: 'authentication.failed' })
      : okAsync({ id, method: 'certificate', grants: [] });
  }

  private isGood({ trusted, notBeforeMs, notAfterMs }: ClientCertificate): boolean {
    const nowMs = this.clock.nowMs();
    return trusted && nowMs >= notBeforeMs && nowMs <= notAfterMs;
  }

  /** Names of nobody do no harm; names of two callers are a contradiction. */
  private callerOf({ names }: ClientCertificate): CallerId | undefined {
    const [caller, second] = new Set(names.flatMap((name) => this.names.get(name) ?? []));
    return second === undefined ? caller : undefined;
  }
}
