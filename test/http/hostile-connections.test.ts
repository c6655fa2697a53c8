// Connections that send much and read nothing, over plain HTTP and TLS. Each is closed within bounds, releases all of its
// resources, and never keeps a slot from callers with valid credentials.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Duplex } from 'node:stream';
import { ResultAsync } from 'neverthrow';
import { addressOf } from '../../src/adapters/http/server/admission.js';
import { Connections, defaultLimits, maxPipelined } from '../../src/adapters/http/server/connections.js';
import { hasBody } from '../../src/adapters/http/server/request-facts.js';
import { ask } from '../support/http-client.js';
import { ServedApp } from '../support/served-app.js';
import { TlsApp } from '../support/tls-app.js';
import { until } from '../support/until.js';

const writeTimeoutMs = 400;
const maxInFlight = 50;
const request = 'GET /key?id=a HTTP/1.1\r\nHost: a\r\n';
const livez = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n';

/** A client of either kind of listener. */
interface Lab {
  readonly app: ServedApp;
  readonly connect: () => Promise<Socket>;
  readonly stop: () => Promise<void>;
}

const quiet = (socket: Socket): Socket => socket.on('error', () => undefined);

const labs: Readonly<Record<string, () => Promise<Lab>>> = {
  'plain HTTP': async () => {
    const app = await ServedApp.start({ maxInFlight, limits: { writeTimeoutMs } });
    const open = async (): Promise<Socket> => {
      const socket = quiet(connect({ host: '127.0.0.1', port: Number(new URL(app.url).port) }));
      await once(socket, 'connect');
      return socket;
    };
    return { app, connect: open, stop: () => app.stop() };
  },
  TLS: async () => {
    const tls = await TlsApp.start({ maxInFlight, limits: { writeTimeoutMs } });
    return {
      app: tls.served,
      connect: async () => quiet(await tls.connect()),
      stop: () => tls.stop(),
    };
  },
};

describe.each(Object.keys(labs))('over %s', (kind) => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await (labs[kind]?.() ?? Promise.reject(new Error(kind)));
    await lab.app.service.stored('a', Buffer.alloc(32, 7));
  });
  afterEach(async () => {
    expect(lab.app.slots.inUse).toBe(0);
    await lab.stop();
  });
  const authorised = (): string => `${request}Authorization: ${lab.app.bearer('read')}\r\n\r\n`;
  const statusOfCaller = async (): Promise<string> => {
    const socket = await lab.connect();
    socket.write(authorised().replace('Host', 'Connection: close\r\nHost'));
    return (await text(socket)).slice(9, 12);
  };
  const isClosed = (socket: Socket): Promise<unknown> =>
    socket.closed ? Promise.resolve() : once(socket.resume(), 'close');

  it('6,000 pipelined requests without credentials take no slot, and their connection is closed', async () => {
    const socket = await lab.connect();
    let maxSlots = 0;
    lab.app.onContext = () => {
      maxSlots = Math.max(maxSlots, lab.app.slots.inUse);
    };
    socket.write(`${request}\r\n`.repeat(6_000));
    expect(await statusOfCaller()).toBe('200');
    await isClosed(socket);
    await until(() => lab.app.inFlight === 0);
    expect(maxSlots).toBeLessThanOrEqual(1);
    expect(lab.app.lines.length).toBeLessThanOrEqual(maxPipelined + 1);
    expect(lab.app.refusals).toEqual(['pipelined']);
  });

  it('connections that keep sending and never read do not keep callers from their keys', async () => {
    const sockets = await Promise.all(Array.from({ length: 6 }, () => lab.connect()));
    for (let round = 0; round < 10; round += 1) {
      for (const socket of sockets) if (socket.writable) socket.pause().write(`${request}\r\n`.repeat(100));
      expect(await statusOfCaller()).toBe('200');
    }
    await Promise.all(sockets.map(isClosed));
    await until(() => lab.app.inFlight === 0);
  });

  it(`${maxPipelined} pipelined requests are answered in order; one more closes the connection`, async () => {
    const few = await lab.connect();
    few.write(livez.repeat(maxPipelined - 1) + livez.replace('Host', 'Connection: close\r\nHost'));
    expect((await text(few)).match(/HTTP\/1\.1 200/g)).toHaveLength(maxPipelined);
    lab.app.service.vaults[0].script('decrypt', 'hold');
    const many = await lab.connect();
    many.write(authorised() + livez.repeat(maxPipelined));
    await isClosed(many);
    await until(() => lab.app.inFlight === 0);
    lab.app.service.vaults[0].release();
  });

  it('answers that are never read are wiped and release their slots when the write time-out closes the connection', async () => {
    const socket = await lab.connect();
    const serverSide = blockedAfterContext(lab.app);
    socket.write(authorised().repeat(3));
    await until(() => lab.app.bodies.length === 3);
    const bodies = lab.app.bodies.filter((body) => Buffer.isBuffer(body));
    expect(bodies).toHaveLength(3);
    await isClosed(socket);
    await until(() => lab.app.inFlight === 0);
    expect(serverSide.size).toBe(1);
    expect(lab.app.refusals).toEqual(['unread']);
    for (const body of bodies) expect(body.every((byte) => byte === 0)).toBe(true);
  });

  it('a slot is free at the deadline of its request, even if the answer is never read', async () => {
    const socket = await lab.connect();
    blockedAfterContext(lab.app);
    socket.write(authorised());
    await until(() => lab.app.bodies.length === 1);
    expect(lab.app.slots.inUse).toBe(1);
    await lab.app.service.clock.advance(2_000);
    expect(lab.app.slots.inUse).toBe(0);
    await isClosed(socket);
  });

  it('queued requests release their slots when their connection is closed', async () => {
    lab.app.service.store.instead.find = () => new ResultAsync(new Promise(() => undefined));
    const socket = await lab.connect();
    socket.write(authorised().repeat(4));
    await until(() => lab.app.slots.inUse === 4);
    socket.destroy();
    await until(() => lab.app.slots.inUse === 0 && lab.app.inFlight === 0);
  });

  it('a 400 for malformed bytes comes after the answers to earlier requests', async () => {
    lab.app.service.vaults[0].script('decrypt', 'hold');
    const socket = await lab.connect();
    const answered = text(socket);
    socket.write(`${authorised()}${livez}NO HTTP\r\n\r\n`);
    await until(() => lab.app.service.vaultCallCount > 0);
    lab.app.service.vaults[0].release();
    expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'HTTP/1.1 400',
    ]);
    await until(() => lab.app.inFlight === 0);
  });

  it('a connection that stays open after its last answer is closed', async () => {
    const socket = await lab.connect();
    socket.allowHalfOpen = true;
    socket.write('NO HTTP\r\n\r\n');
    await once(socket.resume(), 'end');
    // A stopping server waits for its connections, and closes them itself only after 5 s.
    const startedMs = performance.now();
    await lab.app.stop(60_000);
    expect(performance.now() - startedMs).toBeLessThan(4_500);
    socket.destroy();
  });
});

/** Makes the server's side of each connection accept no bytes, as that of a client that never reads. */
function blockedAfterContext(app: ServedApp): ReadonlySet<Duplex> {
  const blocked = new Set<Duplex>();
  app.onContext = ({ req }) => {
    if (blocked.has(req.socket)) return;
    blocked.add(req.socket);
    req.socket._write = () => undefined;
    req.socket._writev = () => undefined;
  };
  return blocked;
}

describe('of 2,000 pipelined requests that arrive together', () => {
  /** How many requests were parsed of these bytes. */
  async function parsedOf(bytes: string): Promise<number> {
    let parsed = 0;
    const server = createServer((incoming, response) => {
      parsed += 1;
      const connection = connections.of(incoming.socket);
      if (connection?.begin(response, () => undefined) === true && hasBody(incoming))
        connection.refuseFurther();
    });
    const connections = new Connections(server, defaultLimits, false);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = quiet(connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }));
    let left = 0;
    server.on('connection', (accepted) => accepted.on('close', () => (left += 1)));
    server.on('clientError', (_, accepted) => accepted.destroy());
    socket.write(bytes);
    await until(() => parsed > 1);
    socket.end(livez);
    await until(() => left === 1);
    server.close();
    return parsed;
  }

  it('only those up to the limit are even parsed', async () => {
    expect(await parsedOf(livez.repeat(2_000))).toBe(maxPipelined + 1);
  });

  it('after an unexpected body, only one is parsed', async () => {
    const refused = 'GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx';
    expect(await parsedOf(refused + livez.repeat(2_000))).toBe(2);
  });
});

describe('connections from one address', () => {
  const open = async (app: ServedApp, localAddress = '127.0.0.1'): Promise<Socket> => {
    const port = Number(new URL(app.url).port);
    const socket = quiet(connect({ host: '127.0.0.1', port, localAddress })).resume();
    await once(socket, 'connect');
    return socket;
  };
  /** A connection that has carried valid credentials. */
  const caller = async (app: ServedApp): Promise<Socket> => {
    const socket = await open(app);
    await answerOn(socket, `${request}Authorization: ${app.bearer('read')}\r\n\r\n`);
    return socket;
  };
  const answerOn = async (socket: Socket, bytes: string): Promise<string> => {
    socket.write(bytes);
    return String((await once(socket, 'data'))[0]);
  };

  it('beyond its limit take the places of those without credentials, and callers keep theirs', async () => {
    const app = await ServedApp.start({ limits: { maxConnectionsPerAddress: 2 } });
    await app.service.stored('a', Buffer.alloc(32, 7));
    const kept = await caller(app);
    const stranger = await open(app);
    const second = await caller(app);
    if (!stranger.closed) await once(stranger, 'close');
    const refused = await open(app);
    if (!refused.closed) await once(refused, 'close');
    expect(app.refusals).toEqual(['address', 'address']);
    for (const socket of [kept, second]) expect(await answerOn(socket, livez)).toContain('200 OK');
    kept.destroy();
    await until(
      async () => (await ask(app.url, { target: '/livez' }).catch(() => undefined))?.status === 200,
    );
    second.destroy();
    await app.stop();
  });

  it('carry valid credentials over TLS, too, and are kept when further ones arrive', async () => {
    const tls = await TlsApp.start({ limits: { maxConnectionsPerAddress: 2 } });
    await tls.served.service.stored('a', Buffer.alloc(32, 7));
    const kept = quiet(await tls.connect());
    await answerOn(kept, `${request}Authorization: ${tls.served.bearer('read')}\r\n\r\n`);
    const strangers = [quiet(await tls.connect()), quiet(await tls.connect())];
    if (!strangers[0]?.closed) await once(strangers[0]?.resume() ?? kept, 'close');
    expect(await answerOn(kept, livez)).toContain('200 OK');
    for (const socket of [kept, ...strangers]) socket.destroy();
    await tls.stop();
  });

  it('that hold all connections of the listener without credentials do not keep out a caller at another one', async () => {
    const app = await ServedApp.start({ limits: { maxConnections: 6, maxConnectionsPerAddress: 3 } });
    await app.service.stored('a', Buffer.alloc(32, 7));
    const outsiders = ['127.0.0.2', '127.0.0.2', '127.0.0.2', '127.0.0.3', '127.0.0.3', '127.0.0.3'];
    const held = await Promise.all(outsiders.map((address) => open(app, address)));
    for (const socket of held) socket.write('GET /key?id=a HTTP/1.1\r\nX-Slow: ');
    const callers = [await caller(app), await caller(app)];
    const more = await Promise.all(outsiders.map((address) => open(app, address)));
    for (const socket of callers) expect(await answerOn(socket, livez)).toContain('200 OK');
    expect(app.refusals).toContain('connections');
    for (const socket of [...held, ...more, ...callers]) socket.destroy();
    await app.stop();
  });

  it('beyond the limit of the listener are closed and counted', async () => {
    const app = await ServedApp.start({ limits: { maxConnections: 1 } });
    const first = await open(app);
    const second = await open(app);
    if (!first.closed) await once(first, 'close');
    expect(app.refusals).toEqual(['connections']);
    second.destroy();
    await app.stop();
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s counts as %s', (remoteAddress, counted) => {
    expect(addressOf({ remoteAddress })).toBe(counted);
  });
});
