// The HTTP server around the app: Node's time-outs, answers to requests that Node cannot parse, and a stop that lets
// running requests finish. Never writes an answer before the answers to earlier requests of the same connection.
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  createServer as createNetServer,
  type AddressInfo,
  type ListenOptions,
  type Server as NetServer,
} from 'node:net';
import { TLSSocket } from 'node:tls';
import type Koa from 'koa';
import { codeOf } from '../../files/private-files.js';
import { OperatorError } from '../../system/operator-error.js';
import type { RefusalReason } from './admission.js';
import { rawProblem } from './answers.js';
import { Connections, defaultLimits, type ConnectionLimits } from './connections.js';
import type { RequestFailure } from './request-failures.js';
import { hasBody } from './request-facts.js';
import type { Tls } from '../tls/tls.js';

export interface ListenSettings {
  readonly host: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
  /** Whether other processes of this service listen on the port too, and whether this one is the first of them. */
  readonly sharing?: 'first' | 'further';
  readonly limits?: ConnectionLimits;
  /** Called for every connection that is closed because it went beyond a limit. */
  readonly onRefused?: (reason: RefusalReason) => void;
}

export interface RunningServer {
  /** `http://127.0.0.1:8080`, or `https:` with TLS. */
  readonly url: string;
  /** Accepts no more requests, waits at most `graceMs` for the running ones, then closes all connections. */
  stop(graceMs: number): Promise<void>;
}

// Node's own limits. A caller sends one short request, so a slow one is closed after seconds.
const nodeLimits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
  // The app checks the Host header: Node's refusal has neither a problem document nor our headers.
  requireHostHeader: false,
} as const;

/** Serves `app` until `stop`. Throws an OperatorError if the address cannot be used. */
export async function listen(
  app: Koa,
  { host, port, sharing, limits = defaultLimits, onRefused }: ListenSettings,
  section: 'server' | 'operations',
  tls?: Tls,
): Promise<RunningServer> {
  const handle = app.callback();
  let running = 0;
  const ended = (): void => {
    running -= 1;
    if (!server.listening) server.closeIdleConnections();
  };
  const answer: RequestListener = (request, response) => {
    const connection = connections.of(request.socket);
    if (connection?.begin(response, ended) !== true) return;
    // What follows an unexpected body may be a part of it, so it is never treated as a request.
    if (request.method !== 'POST' && hasBody(request)) connection.refuseFurther();
    // A stopping server accepts no requests, so a connection is closed with its last answer.
    running += 1;
    // Koa answers every request; the promise is only about its own error handling.
    void handle(request, response);
  };
  const { server, detach } = serverFor(answer, limits, tls);
  // An unknown expectation is ignored. Node would refuse the request, without our headers.
  server.on('checkExpectation', answer);
  const connections = new Connections(server, limits, tls !== undefined, onRefused);
  refuseUnreadable(server, connections);
  if (sharing === 'first') await requireFree(host, port, section);
  await bound(server, { host, port, ...(sharing && shared) }, section);
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `${tls ? 'https' : 'http'}://${name}:${address.port}`,
    stop: async (graceMs) => {
      await stop(server, connections, graceMs, () => running > 0);
      detach();
    },
  };
}

function serverFor(
  answer: RequestListener,
  { keepAliveMs }: ConnectionLimits,
  tls: Tls | undefined,
): { server: Server; detach: () => void } {
  const options = { ...nodeLimits, keepAliveTimeout: keepAliveMs };
  if (tls === undefined) return { server: createServer(options, answer), detach: () => undefined };
  const server = createTlsServer({ ...options, ...tls.options() }, answer);
  return { server, detach: tls.attach(server) };
}

/**
 * On Linux each process has a queue of its own, and the kernel spreads the connections (SO_REUSEPORT). Elsewhere the process that
 * started the workers accepts them, and one that is given to a worker that just died is lost.
 */
const shared = process.platform === 'linux' ? { reusePort: true } : {};

/** Shared ports do not collide: two services on one port by mistake would get half of the connections each. */
async function requireFree(host: string, port: number, section: string): Promise<void> {
  const probe = createNetServer();
  await bound(probe, { host, port, exclusive: true }, section);
  await new Promise((resolve) => probe.close(resolve));
}

function bound(server: NetServer, at: ListenOptions, section: string): Promise<void> {
  const { host, port } = at;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new OperatorError(`cannot listen on ${host}:${port} (${codeOf(cause)})`, hintFor(cause, section), {
          cause,
        }),
      );
    });
    server.listen(at, resolve);
  });
}

const hintFor = (cause: unknown, section: string): string =>
  codeOf(cause) === 'EADDRINUSE'
    ? `another program uses the port: stop it, or set RKMS_${section.toUpperCase()}_PORT to a free one`
    : `set ${section}.host and ${section}.port to an address of this machine`;

/** Half-sent requests may be completed within the time for headers; Node does not check that time after `close`. */
function stop(
  server: Server,
  connections: Connections,
  graceMs: number,
  isRunning: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const closeAll = setTimeout(() => {
      connections.closeAll();
    }, graceMs);
    const closeHalfSent = setInterval(() => {
      if (!isRunning()) connections.closeAll();
    }, nodeLimits.headersTimeout);
    server.close(() => {
      clearTimeout(closeAll);
      clearInterval(closeHalfSent);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** :: Node's error code -> the failure of a request that Node could not parse; all others are `request.malformed` */
const refusals: ReadonlyMap<string, RequestFailure> = new Map([
  ['HPE_HEADER_OVERFLOW', { kind: 'request.headers-too-large' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { kind: 'request.too-slow' }],
]);

/** Answers requests that Node could not parse. Over TLS no answer is possible before the handshake. */
function refuseUnreadable(server: Server, connections: Connections): void {
  server.on('clientError', (error, socket) => {
    const connection = connections.of(socket);
    const code = codeOf(error);
    if (code === 'ECONNRESET' || !socket.writable || connection === undefined) {
      socket.destroy();
      return;
    }
    if (connection.isEnding) return;
    // Data arrived while Node has paused its own parser, and the request is lost; or after the last request that is parsed.
    if (code === 'HPE_PAUSED' || code === 'HPE_PAUSED_UPGRADE') {
      connection.end();
      return;
    }
    const failure = refusals.get(code) ?? { kind: 'request.malformed' };
    connection.end(rawProblem(failure, randomUUID(), socket instanceof TLSSocket));
  });
}
