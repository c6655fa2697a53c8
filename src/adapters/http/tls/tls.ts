// TLS for the listeners: what new connections are made with, and whom the open ones belong to. A change of the files
// reaches new connections at once and costs the open ones nothing, unless they are trusted no longer.
import type { Server, ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { ClientCertificate } from '../../../ports/authenticator.js';
import { ClientCertificates } from './client-certificates.js';
import type { TlsFiles } from './tls-files.js';

/** Whoever connects has this long for the handshake, as for the headers of a request. */
const handshakeTimeoutMs = 5_000;

/** RFC 6797: for a year no browser asks again without TLS. Goes out over TLS only. */
export const strictTransportSecurity = { 'Strict-Transport-Security': 'max-age=31536000' } as const;

export class Tls {
  readonly #certificates: ClientCertificates;

  constructor(private readonly files: TlsFiles) {
    this.#certificates = new ClientCertificates(() => files.material);
  }

  /** A certificate is asked for and not required: probes have none, and a bad one is refused by the request's answer. */
  options(): ServerOptions {
    const { options } = this.files.material;
    const requestCert = this.files.asksForCertificates;
    return { ...options, requestCert, rejectUnauthorized: false, handshakeTimeout: handshakeTimeoutMs };
  }

  /** Keeps the server's TLS as the files say, until the returned function is called. */
  attach(server: Server): () => void {
    this.#certificates.watch(server);
    return this.files.onChange(() => {
      server.setSecureContext(this.files.material.options);
      this.#certificates.cutUntrusted();
    });
  }

  /** The client certificate of a connection, as of now. */
  certificateOf(socket: Socket): ClientCertificate | undefined {
    return this.#certificates.of(socket);
  }
}
