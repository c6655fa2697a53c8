// Connections that keep nothing of what they received: whatever a server sends arrives whole, and every piece of it was
// overwritten once the parser of HTTP had read it.
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer, get as getTls } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ZeroizingHttpAgent, ZeroizingHttpsAgent } from '../../../src/adapters/aws/zeroizing-agents.js';
import { Leftovers } from '../../support/leftovers.js';
import { certificateFor } from '../../support/loopback-certificate.js';
import { until } from '../../support/until.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const certificate = certificateFor(['localhost']);
const secret = 'c2VjcmV0'.repeat(5);

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  leftovers.add(async () => {
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

interface Received {
  readonly body: string;
  /** Every piece of bytes that the socket handed on, as it is now. */
  readonly pieces: readonly Buffer[];
}

type Get = (port: number, onSocket: (socket: Socket) => void) => Promise<IncomingMessage>;

interface Asking {
  /** How many times over one connection; once unless said otherwise. */
  readonly times?: number;
  /** Reads the body only when so much has arrived that some waits in the socket. */
  readonly slowly?: boolean;
}

async function asked(
  listener: RequestListener,
  tls: boolean,
  { times = 1, slowly = false }: Asking = {},
): Promise<readonly Received[]> {
  const port = await listening(tls ? createTlsServer(certificate, listener) : createServer(listener));
  const settings = { keepAlive: true, maxSockets: 1, connectTimeoutMs: 5_000 };
  const agent = tls
    ? new ZeroizingHttpsAgent({ ...settings, ca: certificate.cert })
    : new ZeroizingHttpAgent(settings);
  leftovers.add(() => {
    agent.destroy();
  });
  const answer: Get = async (at, onSocket) => {
    const request = (tls ? getTls : get)({ host: 'localhost', port: at, agent, family: 4 });
    request.once('socket', onSocket);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  };
  const received: Received[] = [];
  for (let time = 0; time < times; time += 1) {
    const pieces: Buffer[] = [];
    const keep = (piece: Buffer): void => {
      pieces.push(piece);
    };
    let used: Socket | undefined;
    const response = await answer(port, (socket) => {
      used = socket.on('data', keep);
    });
    if (slowly) await until(() => (used?.readableLength ?? 0) > 0);
    received.push({ body: await text(response), pieces });
    used?.off('data', keep);
  }
  return received;
}

const written = ({ pieces }: Received): number =>
  pieces.filter((piece) => piece.some((byte) => byte !== 0)).length;

describe.each([
  ['without TLS', false],
  ['over TLS', true],
] as const)('what a server sends %s', (_, tls) => {
  it('arrives, and its bytes are overwritten, on a connection that is used again too', async () => {
    const answers = await asked((__, response) => response.end(secret), tls, { times: 3 });
    expect(answers.map(({ body }) => body)).toEqual([secret, secret, secret]);
    expect(answers.map(({ pieces }) => pieces.length > 0)).toEqual([true, true, true]);
    expect(answers.map(written)).toEqual([0, 0, 0]);
  });

  it('arrives whole when it is longer than any buffer, and is read slowly', async () => {
    const body = Array.from({ length: 40_000 }, (__, index) => `${index}:${secret}`).join('\n');
    const [answer] = await asked((__, response) => response.end(body), tls, { slowly: true });
    expect(answer?.body === body).toBe(true);
  });
});

describe('connecting', () => {
  it.each([
    ['without TLS', false],
    ['over TLS', true],
  ])('is not blamed for time in which this process did not look, %s', async (_, tls) => {
    const answered: RequestListener = (__, response) => response.end(secret);
    const port = await listening(tls ? createTlsServer(certificate, answered) : createServer(answered));
    const settings = { keepAlive: true, maxSockets: 1, connectTimeoutMs: 50 };
    const agent = tls
      ? new ZeroizingHttpsAgent({ ...settings, ca: certificate.cert })
      : new ZeroizingHttpAgent(settings);
    leftovers.add(() => {
      agent.destroy();
    });
    const request = (tls ? getTls : get)({ host: 'localhost', port, agent, family: 4 });
    // The name is looked up; then there is other work for twice the time that connecting may take.
    request.once('socket', (socket) =>
      socket.once('lookup', () => {
        const endMs = performance.now() + 100;
        while (performance.now() < endMs);
      }),
    );
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe(secret);
  });
});
