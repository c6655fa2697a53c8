// The client certificates of open connections: whether each is trusted at this moment, and closing of connections whose
// certificate is no longer trusted. Never uses the common name of a certificate.
import type { X509Certificate } from 'node:crypto';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../../../ports/authenticator.js';
import { namesIn } from './certificate-names.js';
import { isRevoked } from './revoked-certificates.js';
import type { TlsMaterial } from './tls-material.js';

type Trust = Pick<TlsMaterial, 'authorities' | 'revoked'>;
type Authorities = Trust['authorities'];

/** RFC 5280, 4.2.1.12: id-kp-clientAuth. A certificate for any usage, or without a usage, is not accepted. */
const clientAuthentication = '1.3.6.1.5.5.7.3.2';

interface Presented {
  readonly own: X509Certificate;
  readonly names: readonly string[];
  /** The authorities with which OpenSSL found a valid chain at the handshake; undefined if it found none. */
  readonly verifiedBy: Authorities | undefined;
}

export class ClientCertificates {
  readonly #presented = new Map<Socket, Presented>();
  /** :: connection -> the authorities when its handshake began; later changes do not affect it */
  readonly #authoritiesAtStart = new Map<string, Authorities>();

  constructor(private readonly trust: () => Trust) {}

  /** Records the client certificates of this server's connections until they close. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const name = nameOf(socket);
      this.#authoritiesAtStart.set(name, this.trust().authorities);
      socket.once('close', () => this.#authoritiesAtStart.delete(name));
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      const own = socket.getPeerX509Certificate();
      if (own === undefined) return;
      const verifiedBy = socket.authorized ? this.#authoritiesAtStart.get(nameOf(socket)) : undefined;
      this.#presented.set(socket, { own, names: namesIn(own), verifiedBy });
      socket.once('close', () => this.#presented.delete(socket));
    });
  }

  /** The client certificate of this connection, trusted or not; undefined if it has none. */
  of(socket: Socket): ClientCertificate | undefined {
    const presented = this.#presented.get(socket);
    if (presented === undefined) return undefined;
    const { own, names } = presented;
    const validity = { notBeforeMs: Date.parse(own.validFrom), notAfterMs: Date.parse(own.validTo) };
    return { ...validity, names, trusted: isTrusted(presented, this.trust()) };
  }

  /** Closes every connection whose certificate was trusted at its handshake and is not any more. */
  closeUntrusted(): void {
    const trust = this.trust();
    for (const [socket, presented] of this.#presented) {
      if (presented.verifiedBy !== undefined && !isTrusted(presented, trust)) socket.destroy();
    }
  }
}

const nameOf = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  [localAddress, localPort, remoteAddress, remotePort].join(' ');

/**
 * After the authorities have changed, only certificates that one of them signed directly are still trusted. Node does not
 * show intermediate certificates: connections that used one are closed, and are checked again when they reconnect.
 */
const isTrusted = ({ own, verifiedBy }: Presented, { authorities, revoked }: Trust): boolean =>
  verifiedBy !== undefined &&
  usagesOf(own).includes(clientAuthentication) &&
  !isRevoked(revoked, own) &&
  (isSame(verifiedBy, authorities) || authorities.some((authority) => isSignedBy(own, authority)));

/** Node's type omits that `keyUsage` may be undefined. */
const usagesOf = ({ keyUsage = [] }: { readonly keyUsage?: readonly string[] }): readonly string[] =>
  keyUsage;

const isSame = (some: Authorities, others: Authorities): boolean =>
  some === others ||
  (some.length === others.length &&
    some.every(({ fingerprint256 }, index) => fingerprint256 === others[index]?.fingerprint256));

const isSignedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
