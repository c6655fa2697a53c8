// Decides which connections of one listener are closed when more are open than its limits allow. Never closes a connection
// that has carried valid credentials to make room, so clients without credentials cannot keep callers out by holding
// connections.
import type { Socket } from 'node:net';
import type { ConnectionRefused } from '../../../ports/telemetry.js';

/** Which limit a connection went beyond. */
export type RefusalReason = ConnectionRefused['reason'];

export interface AdmissionLimits {
  /** Open connections of the listener. */
  readonly maxConnections: number;
  /** Open connections from one IPv4 address, or from one IPv6 network of 64 bits. */
  readonly maxConnectionsPerAddress: number;
}

interface FromAddress {
  count: number;
  /** Those that have not carried valid credentials, oldest first. :: remote address and port -> socket */
  readonly strangers: Map<string, Socket>;
}

export class Admission {
  /** Includes connections that have not finished their TLS handshake. :: socket -> stops counting it */
  readonly #open = new Map<Socket, () => void>();
  readonly #byAddress = new Map<string, FromAddress>();

  /** `onFull` is called when only connections with credentials are open, and a new one is closed. */
  constructor(
    private readonly limits: AdmissionLimits,
    private readonly onRefused: (reason: RefusalReason) => void,
    private readonly onFull: () => void,
  ) {}

  /** Counts the connection. Beyond a limit it takes the place of the oldest one without credentials, or is closed itself. */
  admit(socket: Socket): void {
    const from = this.#count(socket);
    if (from.count > this.limits.maxConnectionsPerAddress) this.#makeRoom(from, socket, 'address');
    else if (this.#open.size > this.limits.maxConnections)
      this.#makeRoom(this.#mostStrangers(from), socket, 'connections');
  }

  /** The connection carried valid credentials. `socket` may be the decrypted one of a TLS connection. */
  trust(socket: Socket): void {
    this.#byAddress.get(addressOf(socket))?.strangers.delete(peerOf(socket));
  }

  closeAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #count(socket: Socket): FromAddress {
    const address = addressOf(socket);
    const peer = peerOf(socket);
    const from = this.#byAddress.get(address) ?? { count: 0, strangers: new Map<string, Socket>() };
    from.count += 1;
    from.strangers.set(peer, socket);
    this.#byAddress.set(address, from);
    const leave = (): void => {
      if (!this.#open.delete(socket)) return;
      from.count -= 1;
      from.strangers.delete(peer);
      if (from.count === 0) this.#byAddress.delete(address);
    };
    this.#open.set(socket, leave);
    socket.once('close', leave);
    return from;
  }

  /** The address with most connections without credentials loses one: the others cannot be crowded out by it. */
  #mostStrangers(newcomers: FromAddress): FromAddress {
    let most = newcomers;
    for (const from of this.#byAddress.values()) if (from.strangers.size > most.strangers.size) most = from;
    return most;
  }

  #makeRoom({ strangers }: FromAddress, newcomer: Socket, reason: RefusalReason): void {
    const [oldest = newcomer] = strangers.values();
    this.#open.get(oldest)?.();
    this.onRefused(reason);
    if (oldest !== newcomer) {
      oldest.destroy();
      return;
    }
    if (reason === 'connections') this.onFull();
    // Later, because Node's own listeners for the new connection need an open socket.
    setImmediate(() => newcomer.destroy());
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string =>
  `${remoteAddress ?? ''} ${remotePort ?? ''}`;

/** A single machine usually has an IPv6 network of 64 bits (RFC 4291, 2.5.4), so a network counts as one address. */
export function addressOf({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
  const v4 = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!v4.includes(':')) return v4;
  const [before = '', after] = v4.replace(/%.*/, '').split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array.from({ length: zeros }, () => '0'), ...tail].slice(0, 4).join(':');
}
