// A region's TLS, in front of a played region: shows a certificate that its clients trust, or one that they must not.
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Certificate } from './loopback-certificate.js';

export interface TlsFront {
  /** As `https://kms.us-east-1.played:40443`. */
  readonly endpoint: string;
  /** Shows another certificate from the next connection on, and cuts those that are open. */
  show(certificate: Certificate): void;
  stop(): Promise<void>;
}

/** Passes everything on to the plain endpoint behind it. */
export async function startTlsFront(
  host: string,
  certificate: Certificate,
  behind: string,
): Promise<TlsFront> {
  const { port } = new URL(behind);
  const open = new Set<Socket>();
  const server = createServer(certificate, (client) => {
    const upstream = connect(Number(port), '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    endpoint: `https://${host}:${(server.address() as AddressInfo).port}`,
    show: (shown) => {
      server.setSecureContext(shown);
      cut();
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
