// Limits what the connections of one listener may hold: how many there are, how many requests each may have unanswered,
// and how long it may leave an answer unread. Closes a connection beyond a limit. Never relies on a response to report its
// own end: Node emits no `close` for a response that is queued behind another one when the connection ends.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Admission, type AdmissionLimits, type RefusalReason } from './admission.js';

export interface ConnectionLimits extends AdmissionLimits {
  /** Milliseconds without progress after which a connection with unread answers is closed. */
  readonly writeTimeoutMs: number;
  /** Milliseconds after which a connection without a request is closed. */
  readonly keepAliveMs: number;
}

/** The event of a socket that carried a request with valid credentials. */
export const authenticated = 'authenticated';

/** An idle connection with TLS takes 71 KB (measured): 1,000 take 71 MB. */
export const defaultLimits: ConnectionLimits = {
  maxConnections: 1_000,
  maxConnectionsPerAddress: 750,
  writeTimeoutMs: 10_000,
  keepAliveMs: 65_000,
};

/** Unanswered requests of one connection. HTTP clients do not pipeline; with more the connection is closed. */
export const maxPipelined = 8;

/** The requests of one connection that have no complete answer yet, and whether it accepts more. */
export class Connection {
  readonly #unanswered = new Set<ServerResponse>();
  #acceptsRequests = true;
  #isEnding = false;
  #lastAnswer = '';
  #sentBytes = 0;
  #progressMs = performance.now();

  constructor(
    private readonly socket: Socket,
    private readonly onRefused: (reason: RefusalReason) => void = () => undefined,
  ) {
    socket.once('close', () => {
      this.#acceptsRequests = false;
      for (const response of this.#unanswered) if (response.socket === null) response.emit('close');
    });
  }

  /** True after `end`. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** True if the request is to be answered; `ended` is then called once. Closes the connection if too many are unanswered. */
  begin(response: ServerResponse, ended: () => void): boolean {
    if (!this.#acceptsRequests) {
      stopParser(this.socket);
      return false;
    }
    if (this.#unanswered.size >= maxPipelined) {
      this.#acceptsRequests = false;
      stopParser(this.socket);
      this.#refuse('pipelined');
      return false;
    }
    this.#unanswered.add(response);
    response.once('close', () => {
      this.#unanswered.delete(response);
      ended();
      if (!this.#acceptsRequests) this.#endIfAnswered();
    });
    return true;
  }

  /** Later requests of the connection are not answered. */
  refuseFurther(): void {
    this.#acceptsRequests = false;
  }

  /** Ends the connection after the answers to earlier requests, with `lastAnswer` unless the last request has an answer. */
  end(lastAnswer = ''): void {
    const last = [...this.#unanswered].at(-1);
    this.#acceptsRequests = false;
    this.#lastAnswer = last?.writableEnded === true && !last.req.complete ? '' : lastAnswer;
    this.#isEnding = true;
    this.#endIfAnswered();
  }

  /** The request whose body could not be read gets `lastAnswer` and must not be waited for. */
  #endIfAnswered(): void {
    if (!this.#isEnding || this.socket.writableEnded) return;
    const isWaiting = [...this.#unanswered].some(({ req, writableEnded }) => req.complete || writableEnded);
    if (!isWaiting) this.socket.end(this.#lastAnswer);
  }

  /** Closes the connection if unread answers, or its end, made no progress for `timeoutMs`. */
  closeIfStuck(nowMs: number, timeoutMs: number): void {
    const { bytesWritten, writableLength, writableEnded } = this.socket;
    const sentBytes = bytesWritten - writableLength;
    const isStuck = (writableLength > 0 || writableEnded) && sentBytes === this.#sentBytes;
    this.#sentBytes = sentBytes;
    if (!isStuck) this.#progressMs = nowMs;
    else if (nowMs - this.#progressMs >= timeoutMs) this.#refuse('unread');
  }

  #refuse(reason: RefusalReason): void {
    if (!this.socket.destroyed) this.onRefused(reason);
    this.socket.destroy();
  }
}

/**
 * Ends the parsing of bytes that have arrived. Otherwise Node still makes a request of each of the 1,900 that fit into one
 * read, which blocks the event loop for 0.1 s. 2 is what Node itself returns for "no further request on this connection". The
 * parser is not a documented property: without it, only this protection is missing, and a test fails.
 */
function stopParser(socket: Socket): void {
  const { parser } = socket as { readonly parser?: { onIncoming?: () => number } | null };
  if (parser) parser.onIncoming = () => 2;
}

/** All connections of one listener. */
export class Connections {
  readonly #admission: Admission;
  /** :: socket that carries HTTP -> its state; for TLS the decrypted socket */
  readonly #connections = new Map<Duplex, Connection>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    server: Server,
    limits: ConnectionLimits,
    isTls: boolean,
    onRefused: (reason: RefusalReason) => void = () => undefined,
  ) {
    const { writeTimeoutMs } = limits;
    this.#admission = new Admission(limits, onRefused, () => {
      server.closeIdleConnections();
    });
    server.prependListener('connection', (socket: Socket) => {
      this.#admission.admit(socket);
    });
    server.prependListener(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#connections.set(socket, new Connection(socket, onRefused));
      socket.once('close', () => this.#connections.delete(socket));
      socket.once(authenticated, () => {
        this.#admission.trust(socket);
      });
    });
    this.#timer = setInterval(
      () => {
        const nowMs = performance.now();
        for (const connection of this.#connections.values()) connection.closeIfStuck(nowMs, writeTimeoutMs);
      },
      Math.min(1_000, writeTimeoutMs / 4),
    );
    this.#timer.unref();
    server.once('close', () => {
      clearInterval(this.#timer);
    });
  }

  /** Undefined before the end of the TLS handshake, and after the connection is closed. */
  of(socket: Duplex): Connection | undefined {
    return this.#connections.get(socket);
  }

  closeAll(): void {
    this.#admission.closeAll();
  }
}
