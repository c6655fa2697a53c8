// One region's AWS KMS, played over real HTTP on the loopback interface: port, connections, requests, and the
// one fault which may be in force.
// It must never listen beyond the loopback interface, and never leave a timer or a connection behind.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeKey, type KmsKey } from './kms-crypto.js';
import { FaultInForce, send, type Exchange, type KmsFault, type KmsFaultOptions } from './kms-faults.js';
import {
  callOf,
  fieldsOf,
  perform,
  type Fields,
  type KeyCondition,
  type KeyTraits,
  type KmsAnswer,
  type KmsCall,
} from './kms-operations.js';

export type { KmsFault, KmsFaultOptions } from './kms-faults.js';
export type { KmsCall } from './kms-operations.js';

/** A running region. */
export interface KmsServer {
  readonly region: string;
  readonly endpoint: string;
  /** The region's one key. */
  readonly keyArn: string;
  readonly alias: string;
  /** Every request read, in order; may be emptied. */
  readonly calls: KmsCall[];
  /** What it says of its key. */
  traits: KeyTraits;
  /** How far its clock is ahead of ours, by the dates of its answers, in milliseconds. */
  aheadMs: number;
  /** The connections clients hold open now, idle ones included. */
  openConnections(): number;
  /** Requests whose client went away before the answer was finished. */
  aborted(): number;
  /** Puts one fault in force, in place of any other; 'refused' can be neither narrowed nor counted. */
  fail(fault: KmsFault, options?: KmsFaultOptions): Promise<void>;
  /** Back to normal; connections stuck in 'silent' or 'dripping' are destroyed. */
  heal(): Promise<void>;
  /** Closes everything, for good. */
  stop(): Promise<void>;
}
/** What a region is made of; only the same region, account, keyId and masterKey open the same blobs. */
export interface KmsServerOptions {
  readonly region: string;
  readonly keyId?: string;
  readonly account?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly masterKey?: Buffer;
  readonly port?: number;
  /** How long it thinks about each request before it reacts, well or not; none by default. */
  readonly latencyMs?: number;
}

const LOOPBACK = '127.0.0.1';
const DELETION_SECONDS = 30 * 24 * 3600;
const IDLE_MS = 3_600_000;
const TURNS_TO_NOTICE = 5;
const ignore = (): void => undefined;

function operationOf(request: IncomingMessage): string {
  const target = request.headers['x-amz-target'];
  return typeof target === 'string' ? target.replace(/^TrentService\./, '') : '';
}

class LoopbackKms implements KmsServer {
  readonly calls: KmsCall[] = [];
  traits: KeyTraits = {};
  aheadMs = 0;
  readonly #key: KmsKey;
  readonly #latencyMs: number;
  readonly #scheme: string;
  readonly #server: Server;
  // Under TLS a request knows only its TLS socket, which cannot be reset: the port it came from finds the other.
  readonly #connections = new Map<number | undefined, Socket>();
  readonly #stuck = new Set<Socket>();
  readonly #cut = new WeakSet<Socket>();
  readonly #timers = new Map<ServerResponse, NodeJS.Timeout>();
  readonly #deletionDate = Math.floor(Date.now() / 1000) + DELETION_SECONDS;
  #port: number;
  #fault: FaultInForce | undefined;
  #aborted = 0;
  #stopped = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: KmsServerOptions) {
    const { tls, port = 0, latencyMs = 0 } = options;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      this.#read(request, response);
    };
    this.#key = makeKey(options);
    this.#latencyMs = latencyMs;
    this.#port = port;
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.keepAliveTimeout = IDLE_MS;
    this.#server.on('connection', (socket: Socket) => {
      this.#track(socket);
    });
  }

  get region(): string {
    return this.#key.region;
  }

  get keyArn(): string {
    return this.#key.arn;
  }

  get alias(): string {
    return this.#key.alias;
  }

  get endpoint(): string {
    return `${this.#scheme}://${LOOPBACK}:${this.#port}`;
  }

  openConnections(): number {
    return this.#connections.size;
  }

  aborted(): number {
    return this.#aborted;
  }

  fail(fault: KmsFault, options: KmsFaultOptions = {}): Promise<void> {
    return this.#inTurn(() => (fault === 'refused' ? this.#refuse(options) : this.#inject(fault, options)));
  }

  heal(): Promise<void> {
    return this.#inTurn(async () => {
      this.#fault = undefined;
      await this.#destroy(this.#stuck);
      await this.listen();
    });
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      this.#stopped = true;
      this.#fault = undefined;
      await this.#close();
      for (const timer of this.#timers.values()) clearTimeout(timer);
    });
  }

  /** Opens the port, the same one as before if there was one. */
  async listen(): Promise<void> {
    if (this.#stopped || this.#server.listening) return;
    this.#server.listen(this.#port, LOOPBACK);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #inject(fault: Exclude<KmsFault, 'refused'>, options: KmsFaultOptions): Promise<void> {
    this.#fault = new FaultInForce(fault, options);
    await this.listen();
  }

  async #refuse({ operations, rate = 1, times }: KmsFaultOptions): Promise<void> {
    if (operations !== undefined || rate !== 1 || times !== undefined) {
      throw new RangeError("'refused' closes the port for every call: it takes no operations, rate or times");
    }
    this.#fault = undefined;
    await this.#close();
  }

  // One change at a time: the port must not be opened while it is being closed.
  #inTurn(act: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(act, act);
    return this.#turn;
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await Promise.all([closed, this.#destroy(this.#connections.values())]);
  }

  async #destroy(sockets: Iterable<Socket>): Promise<void> {
    const closing = Array.from(sockets, (socket) => {
      this.#cut.add(socket);
      socket.destroy();
      return new Promise((resolve) => socket.once('close', resolve));
    });
    await Promise.all(closing);
    // A client in this process sees the end too before anybody goes on, and takes no dead connection for a live one.
    for (let turn = 0; turn < TURNS_TO_NOTICE; turn += 1) await nextTurn();
  }

  #track(socket: Socket): void {
    const port = socket.remotePort;
    this.#connections.set(port, socket);
    socket.on('error', ignore);
    socket.on('close', () => {
      if (this.#connections.get(port) === socket) this.#connections.delete(port);
    });
  }

  #read(request: IncomingMessage, response: ServerResponse): void {
    const socket = this.#connections.get(request.socket.remotePort) ?? request.socket;
    const chunks: Buffer[] = [];
    if (this.aheadMs !== 0) response.setHeader('Date', new Date(Date.now() + this.aheadMs).toUTCString());
    response.on('close', () => {
      this.#finished(socket, response);
    });
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = operationOf(request);
      const fields = fieldsOf(Buffer.concat(chunks).toString('utf8'));
      this.calls.push(callOf(operation, fields));
      const react = (): void => {
        this.#react(socket, response, operation, fields);
      };
      if (this.#latencyMs === 0) react();
      else this.#timers.set(response, setTimeout(react, this.#latencyMs));
    });
  }

  #finished(socket: Socket, response: ServerResponse): void {
    clearTimeout(this.#timers.get(response));
    this.#timers.delete(response);
    this.#stuck.delete(socket);
    if (!response.writableFinished && !this.#cut.has(socket)) this.#aborted += 1;
  }

  #react(socket: Socket, response: ServerResponse, operation: string, fields: Fields | undefined): void {
    const answer = (): KmsAnswer => perform(this.#key, operation, fields, this.#condition());
    const fault = this.#fault;
    if (fault?.hits(operation) === true) fault.strike(this.#exchange(socket, response, operation, answer));
    else send(response, answer());
  }

  #exchange(socket: Socket, response: ServerResponse, operation: string, answer: () => KmsAnswer): Exchange {
    const reset = (): void => {
      this.#cut.add(socket);
      socket.resetAndDestroy();
    };
    const stick = (): void => {
      this.#stuck.add(socket);
    };
    const later = (ms: number, act: () => void): void => {
      this.#timers.set(response, setTimeout(act, ms));
    };
    return { key: this.#key, operation, response, answer, reset, stick, later };
  }

  #condition(): KeyCondition {
    const state = this.#fault?.spent === false ? this.#fault.keyState : 'Enabled';
    return { state, deletionDate: this.#deletionDate, traits: this.traits };
  }
}

/** Starts a region on a port of the loopback interface. */
export async function startKmsServer(options: KmsServerOptions): Promise<KmsServer> {
  const server = new LoopbackKms(options);
  await server.listen();
  return server;
}
