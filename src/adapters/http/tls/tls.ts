// TLS of the listeners: the options for new connections, and the client certificates of the open ones. A change of the
// files applies to new connections at once. It closes open connections only if their certificate is no longer trusted.
import type { Server, ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { ClientCertificate } from '../../../ports/authenticator.js';
import { ClientCertificates } from './client-certificates.js';
import type { TlsFiles } from './tls-files.js';

/** The same time as for the headers of a request. */
const handshakeTimeoutMs = 5_000;

/** RFC 6797: browsers use only TLS for a year. Sent over TLS only. */
export const strictTransportSecurity = { 'Strict-Transport-Security': 'max-age=31536000' } as const;

export class Tls {
  readonly #certificates: ClientCertificates;

  constructor(private readonly files: TlsFiles) {
    this.#certificates = new ClientCertificates(() => files.material);
  }

  /** Requests a client certificate but does not require one: probes have none, and a bad one gets a 401. */
  options(): ServerOptions {
    const { options } = this.files.material;
    const requestCert = this.files.asksForCertificates;
    return { ...options, requestCert, rejectUnauthorized: false, handshakeTimeout: handshakeTimeoutMs };
  }

  /** Applies changes of the files to the server until the returned function is called. */
  attach(server: Server): () => void {
    this.#certificates.watch(server);
    return this.files.onChange(() => {
      server.setSecureContext(this.files.material.options);
      this.#certificates.closeUntrusted();
    });
  }

  /** The client certificate of a connection, as of now. */
  certificateOf(socket: Socket): ClientCertificate | undefined {
    return this.#certificates.of(socket);
  }
}
