// Connections that keep nothing of what they received: bytes arrive in one buffer per connection, are handed on at once,
// and are overwritten. Node's own way gives each piece of the network's bytes memory that nobody overwrites. Connecting is
// bounded in time, but nobody is blamed for time in which this process did not look.
import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { OnReadOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import { systemClock } from '../system/system-clock.js';

/** As much as one record of TLS carries. */
const receiveBytes = 16_384;

/** OpenSSL's SSL_OP_CLEANSE_PLAINTEXT, which node:crypto does not name: what was decrypted is overwritten once it was read. */
const cleansePlaintext = 1 << 1;

/** How long connecting may take, in milliseconds. */
interface Bounded {
  readonly connectTimeoutMs: number;
}

type Connected = (error: Error | null, stream: Duplex) => void;

export class ZeroizingHttpAgent extends HttpAgent {
  readonly #connectTimeoutMs: number;

  constructor({ connectTimeoutMs, ...options }: AgentOptions & Bounded) {
    super(options);
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return forgetting(this.#connectTimeoutMs, (onread) =>
      super.createConnection({ ...options, onread } as ClientRequestArgs, connected),
    );
  }
}

export class ZeroizingHttpsAgent extends HttpsAgent {
  readonly #connectTimeoutMs: number;

  constructor({
    connectTimeoutMs,
    ca,
    ...options
  }: AgentOptions & Bounded & Pick<SecureContextOptions, 'ca'>) {
    // Made once: for each connection anew, it was a quarter of the work of connecting (50 at once: p99 74 ms, not 115).
    const secureContext = createSecureContext({ ca, secureOptions: cleansePlaintext });
    super({ ...options, secureContext });
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return forgetting(this.#connectTimeoutMs, (onread) =>
      super.createConnection({ ...options, onread } as ClientRequestArgs, connected),
    );
  }
}

function forgetting(
  connectTimeoutMs: number,
  connect: (onread: OnReadOpts) => Duplex | null | undefined,
): Duplex | null | undefined {
  const buffer = Buffer.alloc(receiveBytes);
  const stream = connect({
    buffer,
    callback: (length) => handOn(stream as Socket, buffer.subarray(0, length)),
  });
  if (stream) boundConnecting(stream, connectTimeoutMs);
  return stream;
}

function boundConnecting(stream: Duplex, timeoutMs: number): void {
  const settle = scheduleStallAware(systemClock, timeoutMs, () => {
    const why = `no connection within ${timeoutMs} ms`;
    stream.destroy(Object.assign(new Error(why), { code: 'ETIMEDOUT' }));
  });
  stream.once('connect', settle).once('close', settle);
}

/** The parser of HTTP takes what it needs while `push` runs; what waits for it is its own, and is left to it. */
function handOn(socket: Socket, received: Uint8Array): boolean {
  const piece = Buffer.from(new Uint8Array(received).buffer);
  received.fill(0);
  const more = socket.push(piece);
  if (socket.readableLength === 0) piece.fill(0);
  return more;
}
