// All hostile clients at once, for a while, beside callers with valid credentials: the callers notice nothing, and afterwards
// nothing of the clients is left. `make test-deep` lets it run for a minute.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ask } from '../support/http-client.js';
import { Leftovers } from '../support/leftovers.js';
import { ServedApp } from '../support/served-app.js';
import { dose, report } from '../support/tiers.js';
import { TlsApp } from '../support/tls-app.js';
import { until } from '../support/until.js';

const seconds = dose('SOAK_SECONDS', { small: 2, full: 60 });
const options = {
  maxInFlight: 50,
  limits: { writeTimeoutMs: 400, maxConnections: 400, maxConnectionsPerAddress: 300 },
};
const head = 'GET /key?id=a HTTP/1.1\r\nHost: a\r\n';
const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

interface Target {
  readonly app: ServedApp;
  /** A connection that speaks what the listener speaks. */
  readonly open: () => Promise<Socket>;
  readonly statusOf: (target: string, authorization: string) => Promise<number>;
}

const targets: Readonly<Record<string, () => Promise<Target>>> = {
  'plain HTTP': async () => {
    const app = await ServedApp.start(options);
    leftovers.add(() => app.stop());
    const statusOf: Target['statusOf'] = async (target, authorization) =>
      (await ask(app.url, { target, headers: { authorization } })).status;
    return { app, open: () => opened(portOf(app)), statusOf };
  },
  TLS: async () => {
    const tls = await TlsApp.start(options);
    leftovers.add(() => tls.stop());
    const statusOf: Target['statusOf'] = async (target, authorization) =>
      (await tls.ask({ target, headers: { authorization } })).status;
    return { app: tls.served, open: async () => quiet(await tls.connect()), statusOf };
  },
};

const quiet = (socket: Socket): Socket => socket.on('error', () => undefined);
const portOf = ({ url }: ServedApp): number => Number(new URL(url).port);
async function opened(port: number): Promise<Socket> {
  const socket = quiet(connect({ host: '127.0.0.1', port }));
  await once(socket, 'connect');
  return socket;
}

/** What each client does with one connection; it is then destroyed. */
const hostile: Readonly<Record<string, (target: Target) => Promise<void>>> = {
  'pipelines without credentials and reads nothing': (target) =>
    withSocket(target.open, async (socket) => {
      socket.pause().write(`${head}\r\n`.repeat(2_000));
      await pause(100);
    }),
  'pipelines with credentials and reads nothing': (target) =>
    withSocket(target.open, async (socket) => {
      socket.pause().write(`${head}Authorization: ${target.app.bearer('read')}\r\n\r\n`.repeat(4));
      await pause(600);
    }),
  'sends its headers byte by byte': (target) =>
    withSocket(target.open, async (socket) => {
      for (const byte of head) {
        if (!socket.writable) return;
        socket.write(byte);
        await pause(20);
      }
    }),
  'sends malformed bytes': (target) =>
    withSocket(target.open, async (socket) => {
      socket.resume().write(`${head}\r\nNO HTTP\r\n\r\n`);
      await pause(50);
    }),
  'resets in the middle of its requests': (target) =>
    withSocket(target.open, async (socket) => {
      socket.write(`${head}Authorization: ${target.app.bearer('read')}\r\n\r\n`.repeat(3));
      await pause(5);
      socket.resetAndDestroy();
    }),
  'opens many connections and says nothing': async ({ app }) => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => opened(portOf(app))));
    await pause(200);
    for (const socket of sockets) socket.destroy();
  },
};

async function withSocket(
  open: () => Promise<Socket>,
  act: (socket: Socket) => Promise<void>,
): Promise<void> {
  const socket = await open();
  try {
    await act(socket);
  } finally {
    socket.destroy();
  }
}

describe.each(Object.keys(targets))('over %s', (kind) => {
  it(
    `callers get every key for ${seconds} s beside all hostile clients, which leave nothing behind`,
    async () => {
      const target = await (targets[kind]?.() ?? Promise.reject(new Error(kind)));
      await target.app.service.stored('a', Buffer.alloc(32, 7));
      const endMs = performance.now() + seconds * 1_000;
      const repeat = async (act: () => Promise<void>): Promise<void> => {
        do await act();
        while (performance.now() < endMs);
      };
      const statuses = new Map<number, number>();
      let slowestMs = 0;
      const authorization = target.app.bearer('read');
      const call = async (): Promise<void> => {
        const startedMs = performance.now();
        const status = await target.statusOf('/key?id=a', authorization);
        slowestMs = Math.max(slowestMs, performance.now() - startedMs);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      };
      await Promise.all([
        ...[1, 2, 3].map(() => repeat(call)),
        ...Object.values(hostile).flatMap((act) =>
          [1, 2].map(() => repeat(() => act(target).catch(() => undefined))),
        ),
      ]);
      expect([...statuses.keys()]).toEqual([200]);
      await until(() => target.app.inFlight === 0 && target.app.slots.inUse === 0);
      const refused = target.app.refusals.length;
      expect(target.app.refusals).toEqual(expect.arrayContaining(['pipelined']));
      report(
        `hostile soak over ${kind}: ${statuses.get(200) ?? 0} keys, slowest ${Math.round(slowestMs)} ms, ${refused} connections refused`,
      );
    },
    (seconds + 60) * 1_000,
  );
});
