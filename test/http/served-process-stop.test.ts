// How the program ends: at a signal it finishes what runs and exits with 0, at a bug it says where, drains and exits with 1.
// Neither keeps a connection, nor prints what a bug's message may quote.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { filesOfLog } from '../../src/adapters/audit-file/audit-names.js';
import { auditLines } from '../support/audit-samples.js';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { until } from '../support/until.js';

/** Does to the process what no request can: throws where nobody catches. */
const saboteur = `
process.on('SIGUSR2', () => { throw new Error('secret 1: rkms_canary'); });
process.on('SIGPROF', () => { void Promise.reject(new Error('secret 2: rkms_canary')); });
process.on('SIGWINCH', () => { void Promise.reject('secret 3: rkms_canary'); });
`;

let lab: Lab;
let config: string;
let token: string;
beforeAll(async () => {
  lab = new Lab();
  lab.write('saboteur.mjs', saboteur);
  config = lab.write(
    'stop.toml',
    `${embeddedConfig('./stop')}[security]\nallow_environment = ["--import"]\n`,
  );
  const first = await lab.serve(config);
  token = await lab.token(config, 'app', 'read,create');
  await first.stop();
});
afterAll(() => lab.close());

const start = (): Promise<Served> => lab.serve(config, {}, [`--import=${lab.path('saboteur.mjs')}`]);
const requestFor = (id: string): string =>
  `GET /key?id=${id} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;
const statusesIn = (answered: string): readonly string[] =>
  [...answered.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status);

describe.each(['SIGHUP', 'SIGUSR2', 'SIGALRM'] as const)('at %s', (signal) => {
  it('the service goes on, and answers the requests in flight', async () => {
    const served = await lab.serve(config);
    const asked = [1, 2, 3].map((index) => lab.get(served, `${signal}/${index}`, token));
    process.kill(served.pid, signal);
    await served.output((_, stderr) => (stderr.includes(`"signal":"${signal}"`) ? true : undefined));
    const answers = await Promise.all([...asked, lab.get(served, signal, token)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await served.stop()).toMatchObject({ code: 0 });
  });
});

describe('at SIGTERM', () => {
  it('pipelined requests that have arrived are answered, idle connections closed, and the exit code is 0', async () => {
    const served = await start();
    const port = Number(new URL(served.url).port);
    const idle = connect({ host: '127.0.0.1', port });
    idle.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
    const idled = text(idle);
    const pipelined = connect({ host: '127.0.0.1', port });
    let answered = '';
    pipelined.setEncoding('latin1').on('data', (data: string) => (answered += data));
    const closed = new Promise((resolve) => pipelined.once('close', resolve));
    pipelined.write(Array.from({ length: 8 }, (_, index) => requestFor(`pipe/${index}`)).join(''));
    await until(() => statusesIn(answered).length >= 1);
    served.signal('SIGTERM');
    expect(await served.ended).toMatchObject({ code: 0 });
    await closed;
    const statuses = statusesIn(answered);
    expect(statuses).toEqual(statuses.map(() => '200'));
    expect(statusesIn(await idled)).toEqual(['200']);
    // Whatever left has its line, and the log was closed as it should be.
    const lines = filesOfLog(lab.path('stop', 'audit.jsonl')).flatMap(auditLines);
    const kept = lines.filter(({ id }) => typeof id === 'string' && id.startsWith('pipe/'));
    expect(kept.length).toBeGreaterThanOrEqual(statuses.length);
    expect(await lab.run(['audit', 'verify', '--config', config])).toMatchObject({ code: 0 });
  });

  it('a connection that has sent half a request is not waited for longer than headers may take', async () => {
    const served = await start();
    const half = connect({ host: '127.0.0.1', port: Number(new URL(served.url).port) });
    half.on('error', () => undefined);
    half.write(requestFor('half').slice(0, 40));
    await until(() => half.bytesWritten > 0 && !half.connecting);
    const startedMs = performance.now();
    expect(await served.stop()).toMatchObject({ code: 0 });
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    half.destroy();
  });
});

describe('at an uncaught exception', () => {
  it.each([
    ['an exception', 'SIGUSR2', { name: 'Error' }],
    ['a rejection', 'SIGPROF', { name: 'Error' }],
    ['a rejection with a text', 'SIGWINCH', 'string'],
  ] as const)('%s: the service says where, not what, and ends with exit code 1', async (_, signal, bug) => {
    const served = await start();
    expect((await lab.get(served, 'before', token)).status).toBe(200);
    process.kill(served.pid, signal);
    const { code, stdout, stderr } = await served.ended;
    expect(code).toBe(1);
    const fatal = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ level }) => level === 60);
    expect(fatal).toMatchObject([{ bug, msg: 'a bug: the service stops' }]);
    expect(stdout + stderr).not.toMatch(/secret \d|canary/);
  });
});

it('after such an end it starts again, with the flags of the start script too, and no signal opens a debugger', async () => {
  // Node has it from 22.14 on; `npm start` asks as well.
  const hasFlag = process.allowedNodeEnvironmentFlags.has('--disable-sigusr1');
  const flags = hasFlag ? ['--disable-sigusr1'] : [];
  const served = await lab.serve(config, {}, ['--disable-proto=delete', ...flags]);
  if (hasFlag) process.kill(served.pid, 'SIGUSR1');
  expect((await lab.get(served, 'before', token)).status).toBe(200);
  const { code, stderr } = await served.stop();
  expect([code, stderr]).toEqual([0, expect.not.stringMatching(/Debugger listening/)]);
});
