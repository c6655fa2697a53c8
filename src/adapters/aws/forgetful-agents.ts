// Connections that keep nothing of what they received: bytes arrive in one buffer per connection, are handed on at once,
// and are overwritten. Node's own way gives each piece of the network's bytes memory that nobody overwrites.
import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions as TlsAgentOptions } from 'node:https';
import type { OnReadOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** As much as one record of TLS carries. */
const receiveBytes = 16_384;

/** OpenSSL's SSL_OP_CLEANSE_PLAINTEXT, which node:crypto does not name: what was decrypted is overwritten once it was read. */
const cleansePlaintext = 1 << 1;

type Connected = (error: Error | null, stream: Duplex) => void;

export class ForgetfulHttpAgent extends HttpAgent {
  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return forgetting((onread) =>
      super.createConnection({ ...options, onread } as ClientRequestArgs, connected),
    );
  }
}

export class ForgetfulHttpsAgent extends HttpsAgent {
  constructor(options: TlsAgentOptions & AgentOptions) {
    super({ ...options, secureOptions: cleansePlaintext });
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return forgetting((onread) =>
      super.createConnection({ ...options, onread } as ClientRequestArgs, connected),
    );
  }
}

function forgetting(connect: (onread: OnReadOpts) => Duplex | null | undefined): Duplex | null | undefined {
  const buffer = Buffer.alloc(receiveBytes);
  const stream = connect({
    buffer,
    callback: (length) => handOn(stream as Socket, buffer.subarray(0, length)),
  });
  return stream;
}

/** The parser of HTTP takes what it needs while `push` runs; what waits for it is its own, and is left to it. */
function handOn(socket: Socket, received: Uint8Array): boolean {
  const piece = Buffer.from(new Uint8Array(received).buffer);
  received.fill(0);
  const more = socket.push(piece);
  if (socket.readableLength === 0) piece.fill(0);
  return more;
}
