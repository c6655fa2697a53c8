// Slow clients and idle connections are closed within seconds, and other callers are served meanwhile. Runs the real
// program in real time.
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { dose, report } from '../support/tiers.js';
import { until } from '../support/until.js';

let lab: Lab;
let served: Served;
let token: string;
beforeAll(async () => {
  lab = new Lab();
  const patient =
    '[server]\nrequest_timeout_ms = 60000\nmax_connections = 20000\nmax_connections_per_address = 20000\n';
  const config = lab.write('slow.toml', embeddedConfig('./slow') + patient);
  served = await lab.serve(config);
  token = await lab.token(config, 'app', 'read,create');
  // The service reads the token file again within a second.
  await until(async () => (await lab.get(served, 'idle/0', token)).status === 200);
});
afterAll(() => lab.close());

interface Ended {
  readonly afterMs: number;
  readonly answer: string;
}

/** Sends `start`, then a byte of `drip` every 200 ms, until the server closes the connection. */
function dripping(start: string, drip: string): Promise<Ended> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(served.url).port) });
    let answer = '';
    let sent = 0;
    socket.write(start);
    const timer = setInterval(() => socket.write(drip[sent++ % drip.length] ?? ''), 200);
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clearInterval(timer);
        resolve({ afterMs: performance.now() - startedMs, answer });
      });
  });
}

describe('a connection', () => {
  const authorised = (): string => `Host: a\r\nAuthorization: Bearer ${token}\r\n`;
  const body = 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{';
  const kinds = [
    ['that sends nothing', () => '', '', '408'],
    ['that drips its request line', () => 'GET /key?id=', 'a', '408'],
    ['that drips headers', () => `GET /key?id=a HTTP/1.1\r\n${authorised()}X: `, 'x', '408'],
    ['that drips a body', () => `POST /key HTTP/1.1\r\n${authorised()}${body}`, ' ', '408'],
    ['that drips a body without a token', () => `POST /key HTTP/1.1\r\nHost: a\r\n${body}`, ' ', '401'],
    ['that drips a body to GET', () => `GET /key?id=a HTTP/1.1\r\n${authorised()}${body}`, ' ', '400'],
  ] as const;
  /** All at once: each takes five seconds, most of which nothing happens in. */
  let all: readonly Promise<Ended>[];
  beforeAll(() => {
    all = kinds.map(([, start, drip]) => dripping(start(), drip));
  });

  it.each(kinds.map(([name, , , status], at) => ({ name, status, at })))(
    '$name is closed within seconds',
    async ({ status, at }) => {
      const { afterMs, answer } = (await all[at]) ?? { afterMs: NaN, answer: '' };
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      // The check runs each second; the rest is for a busy machine.
      expect(afterMs).toBeLessThan(15_000);
    },
  );
});

describe('thousands of idle connections', () => {
  /** What this shell may have open, less what is open already. */
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  const room = (limit === 'unlimited' ? 20_000 : Number(limit)) - 500;
  const count = Math.min(dose('CONNECTIONS', { small: 1_000, full: 10_000 }), room);

  it(`(here ${count}: ten thousand in the deep tier, if there are file descriptors) do not keep others from their keys`, async () => {
    const port = Number(new URL(served.url).port);
    const sockets: Socket[] = [];
    let open = 0;
    let closed = 0;
    for (let from = 0; from < count; from += 500) {
      for (let at = from; at < Math.min(count, from + 500); at += 1) {
        const socket = connect({ host: '127.0.0.1', port });
        socket
          .on('connect', () => (open += 1))
          .on('error', () => undefined)
          .on('close', () => (closed += 1));
        // Half of them have begun a request, half say nothing.
        if (at % 2 === 0) socket.write('GET /key?id=a HTTP/1.1\r\nHost: a\r\n');
        socket.resume();
        sockets.push(socket);
      }
      await until(() => open >= Math.min(count, from + 500) || closed > 0, 20_000);
    }
    const mostOpen = open - closed;
    const startedMs = performance.now();
    const answers = [];
    for (let index = 0; index < 50; index += 1)
      answers.push(await lab.get(served, `idle/${index % 5}`, token));
    const tookMs = performance.now() - startedMs;
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await until(() => closed === count, 30_000);
    for (const socket of sockets) socket.destroy();
    report(
      `idle connections: ${mostOpen} open at once, 50 requests answered meanwhile in ${Math.round(tookMs)} ms, then all closed`,
    );
    expect(await lab.get(served, 'idle/0', token)).toMatchObject({ status: 200 });
  }, 90_000);
});
