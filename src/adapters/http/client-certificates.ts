// The certificates that callers showed when they connected. Says of each what the authenticator must know, as of now, and
// cuts the connections of those that are trusted no longer. Never looks at a common name.
import type { X509Certificate } from 'node:crypto';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../../ports/authenticator.js';
import { namesIn } from './certificate-names.js';
import { isRevoked } from './revoked-certificates.js';
import type { TlsMaterial } from './tls-material.js';

type Trust = Pick<TlsMaterial, 'authorities' | 'revoked'>;

/** RFC 5280, 4.2.1.12: id-kp-clientAuth. A certificate for any usage, or without one, is not meant for this. */
const clientAuthentication = '1.3.6.1.5.5.7.3.2';

interface Shown {
  /** The caller's own first, then whoever signed it, as far as they are known. */
  readonly chain: readonly X509Certificate[];
  /** OpenSSL built a valid chain to an authority when the connection was made. */
  readonly verified: boolean;
  readonly names: readonly string[];
}

export class ClientCertificates {
  readonly #shown = new Map<Socket, Shown>();

  constructor(private readonly trust: () => Trust) {}

  /** Remembers what the callers of this server show, for as long as they are connected. */
  watch(server: Server): void {
    server.on('secureConnection', (socket: TLSSocket) => {
      const own = socket.getPeerX509Certificate();
      if (own === undefined) return;
      this.#shown.set(socket, { chain: chainOf(own), verified: socket.authorized, names: namesIn(own) });
      socket.once('close', () => this.#shown.delete(socket));
    });
  }

  /** The certificate of this connection, if it has one, good or not. */
  of(socket: Socket): ClientCertificate | undefined {
    const shown = this.#shown.get(socket);
    return (
      shown && { ...validityOf(shown.chain), names: shown.names, trusted: isTrusted(shown, this.trust()) }
    );
  }

  /** Cuts every connection whose certificate was trusted when it was made, and is not by what is known now. */
  cutUntrusted(): number {
    const trust = this.trust();
    const untrusted = [...this.#shown].filter(([, shown]) => shown.verified && !isTrusted(shown, trust));
    for (const [socket] of untrusted) socket.destroy();
    return untrusted.length;
  }
}

function chainOf(own: X509Certificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (
    let next: X509Certificate | undefined = own;
    next && chain.length < 10;
    next = next.issuerCertificate
  ) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === next?.fingerprint256)) break;
    chain.push(next);
  }
  return chain;
}

/** A chain is as good as its shortest-lived certificate. */
const validityOf = (chain: readonly X509Certificate[]): { notBeforeMs: number; notAfterMs: number } => ({
  notBeforeMs: Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom))),
  notAfterMs: Math.min(...chain.map(({ validTo }) => Date.parse(validTo))),
});

const isTrusted = ({ chain, verified }: Shown, { authorities, revoked }: Trust): boolean =>
  verified &&
  (chain[0]?.keyUsage ?? []).includes(clientAuthentication) &&
  !chain.some((part) => isRevoked(revoked, part)) &&
  chain.some((part) => authorities.some((authority) => isSignedBy(part, authority)));

const isSignedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
