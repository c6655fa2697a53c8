// The HTTP server around the app: limits on what a connection may do, answers for what is not HTTP, and an end that lets
// running requests finish.
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type Koa from 'koa';
import { codeOf } from '../../files/private-files.js';
import { OperatorError } from '../../system/operator-error.js';
import { rawProblem } from './answers.js';
import type { RequestFailure } from './request-failures.js';
import { hasBody } from './request-scope.js';
import type { Tls } from '../tls/tls.js';

export interface ListenSettings {
  readonly host: string;
  /** 0 lets the system choose a free one. */
  readonly port: number;
}

export interface RunningServer {
  /** As `http://127.0.0.1:8080`, or `https:` where it speaks TLS. */
  readonly url: string;
  /** Takes no new request, waits for the running ones for at most `graceMs`, then cuts what is left. */
  stop(graceMs: number): Promise<void>;
}

// A caller sends one short request: whoever needs longer holds a connection open for its own sake.
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
  keepAliveTimeout: 65_000,
  // The app checks the Host header itself: Node's own refusal has neither a document nor our headers.
  requireHostHeader: false,
} as const;
/** Each takes a file descriptor; the process's own limit may be lower. */
const maxConnections = 16_384;

export async function listen(
  app: Koa,
  { host, port }: ListenSettings,
  section: 'server' | 'operations',
  tls?: Tls,
): Promise<RunningServer> {
  const handle = app.callback();
  const last = new WeakSet<Socket>();
  let running = 0;
  const answer: RequestListener = (request, response) => {
    // What follows a body that does not belong there may be a part of it: it is not acted on, and the connection ends.
    if (last.has(request.socket)) return;
    if (request.method !== 'POST' && hasBody(request)) last.add(request.socket);
    // A stopping server listens no more; the connection of its last answer would be kept alive for nobody.
    running += 1;
    response.once('close', () => {
      running -= 1;
      if (!server.listening) server.closeIdleConnections();
    });
    // Koa answers for every request; the promise it returns is of its own error handling.
    void handle(request, response);
  };
  const { server, letGo } = serverFor(answer, tls);
  // An expectation that nobody knows is no reason to refuse a request, least of all with headers that are not ours.
  server.on('checkExpectation', answer);
  server.maxConnections = maxConnections;
  // Connections that wait for nothing make room for new ones.
  server.on('drop', () => {
    server.closeIdleConnections();
  });
  refuseUnreadable(server);
  const open = openSockets(server);
  await bound(server, host, port, section);
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `${tls ? 'https' : 'http'}://${name}:${address.port}`,
    stop: async (graceMs) => {
      await stop(server, open, graceMs, () => running > 0);
      letGo();
    },
  };
}

function serverFor(answer: RequestListener, tls: Tls | undefined): { server: Server; letGo: () => void } {
  if (tls === undefined) return { server: createServer(limits, answer), letGo: () => undefined };
  const server = createTlsServer({ ...limits, ...tls.options() }, answer);
  return { server, letGo: tls.attach(server) };
}

function bound(server: Server, host: string, port: number, section: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new OperatorError(`cannot listen on ${host}:${port} (${codeOf(cause)})`, hintFor(cause, section), {
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

const hintFor = (cause: unknown, section: string): string =>
  codeOf(cause) === 'EADDRINUSE'
    ? `another program uses the port: stop it, or set RKMS_${section.toUpperCase()}_PORT to a free one`
    : `set ${section}.host and ${section}.port to an address of this machine`;

/** Also those that have not finished their handshake, which Node's own list of connections does not have. */
function openSockets(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

/** What has begun to send a request may finish it in the time that headers may take; Node itself no longer looks. */
function stop(
  server: Server,
  open: ReadonlySet<Socket>,
  graceMs: number,
  isRunning: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const cutAll = (): void => {
      for (const socket of open) socket.destroy();
    };
    const cut = setTimeout(cutAll, graceMs);
    const cutHalf = setInterval(() => {
      if (!isRunning()) cutAll();
    }, limits.headersTimeout);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(cutHalf);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** :: Node's code for what it could not accept -> what we call it */
const refusals: ReadonlyMap<string, RequestFailure> = new Map([
  ['HPE_HEADER_OVERFLOW', { kind: 'request.headers-too-large' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { kind: 'request.too-slow' }],
]);

/** Answers what Node could not accept, where an answer can be given: not before TLS came about. */
function refuseUnreadable(server: Server): void {
  // Node 22.13 crashes when it is asked for the handshake of a connection that is gone.
  const spoken = new WeakSet<Duplex>();
  server.on('secureConnection', (socket: TLSSocket) => spoken.add(socket));
  server.on('clientError', (error, socket) => {
    const secure = socket instanceof TLSSocket;
    if (codeOf(error) === 'ECONNRESET' || !socket.writable || (secure && !spoken.has(socket))) {
      socket.destroy();
      return;
    }
    const failure = refusals.get(codeOf(error)) ?? { kind: 'request.malformed' };
    socket.end(rawProblem(failure, randomUUID(), secure));
  });
}
