// The certificates that callers showed when they connected. Says of each what the authenticator must know, as of now, and
// cuts the connections of those that are trusted no longer. Never looks at a common name.
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

/** RFC 5280, 4.2.1.12: id-kp-clientAuth. A certificate for any usage, or without one, is not meant for this. */
const clientAuthentication = '1.3.6.1.5.5.7.3.2';

interface Shown {
  readonly own: X509Certificate;
  readonly names: readonly string[];
  /** By these OpenSSL found a valid chain when the connection was made; undefined when it found none. */
  readonly verifiedBy: Authorities | undefined;
}

export class ClientCertificates {
  readonly #shown = new Map<Socket, Shown>();
  /** :: connection -> the authorities that its handshake is checked by, whatever changes before it ends */
  readonly #begun = new Map<string, Authorities>();

  constructor(private readonly trust: () => Trust) {}

  /** Remembers what the callers of this server show, for as long as they are connected. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const name = nameOf(socket);
      this.#begun.set(name, this.trust().authorities);
      socket.once('close', () => this.#begun.delete(name));
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      const own = socket.getPeerX509Certificate();
      if (own === undefined) return;
      const verifiedBy = socket.authorized ? this.#begun.get(nameOf(socket)) : undefined;
      this.#shown.set(socket, { own, names: namesIn(own), verifiedBy });
      socket.once('close', () => this.#shown.delete(socket));
    });
  }

  /** The certificate of this connection, if it has one, good or not. */
  of(socket: Socket): ClientCertificate | undefined {
    const shown = this.#shown.get(socket);
    if (shown === undefined) return undefined;
    const { own, names } = shown;
    const validity = { notBeforeMs: Date.parse(own.validFrom), notAfterMs: Date.parse(own.validTo) };
    return { ...validity, names, trusted: isTrusted(shown, this.trust()) };
  }

  /** Cuts every connection whose certificate was trusted when it was made, and is not by what is known now. */
  cutUntrusted(): void {
    const trust = this.trust();
    for (const [socket, shown] of this.#shown) {
      if (shown.verifiedBy !== undefined && !isTrusted(shown, trust)) socket.destroy();
    }
  }
}

const nameOf = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  [localAddress, localPort, remoteAddress, remotePort].join(' ');

/**
 * Once the authorities have changed, only a certificate that one of them signed itself is known to be good. Node does not
 * show what stands between the two: such callers connect again, and are checked anew.
 */
const isTrusted = ({ own, verifiedBy }: Shown, { authorities, revoked }: Trust): boolean =>
  verifiedBy !== undefined &&
  usagesOf(own).includes(clientAuthentication) &&
  !isRevoked(revoked, own) &&
  (isSame(verifiedBy, authorities) || authorities.some((authority) => isSignedBy(own, authority)));

/** Node's own type does not know that a certificate may say nothing of its usage. */
const usagesOf = ({ keyUsage = [] }: { readonly keyUsage?: readonly string[] }): readonly string[] =>
  keyUsage;

const isSame = (some: Authorities, others: Authorities): boolean =>
  some === others ||
  (some.length === others.length &&
    some.every(({ fingerprint256 }, index) => fingerprint256 === others[index]?.fingerprint256));

const isSignedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
