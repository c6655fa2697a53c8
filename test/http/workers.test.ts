// The service in several processes: one listener, one key per id, orders and metrics of all, and no process left behind.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { filesOfLog } from '../../src/adapters/audit-file/audit-names.js';
import { ask } from '../support/http-client.js';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

const workers = 2;
const text = `${embeddedConfig('./workers')}[server]\nworkers = ${workers}\n`;
const readsTotal = 'rkms_requests_total{route="/key",method="GET",status="200",outcome="ok"}';
let lab: Lab;
let config: string;
let served: Served;
let token: string;
beforeAll(async () => {
  lab = new Lab();
  config = lab.write('workers.toml', text);
  served = await lab.serve(config);
  token = await lab.token(config, 'app', 'read,create,operate,metrics');
  await until(async () => (await metric('rkms_workers')) === workers);
  // Each worker reads a new token within a second.
  await until(async () => {
    const asked = Array.from({ length: 16 }, () => metric('rkms_workers'));
    return (await Promise.all(asked)).every((count) => count === workers);
  });
});
afterAll(() => lab.close());

const authorization = (): Record<string, string> => ({ authorization: `Bearer ${token}` });
async function metric(name: string): Promise<number | undefined> {
  // A worker that was just killed may have had the connection.
  const asked = ask(served.operationsUrl, { target: '/metrics', headers: authorization() });
  const { body } = await asked.catch(() => ({ body: '' }));
  const [, value] = new RegExp(`^${name.replaceAll(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(body) ?? [];
  return value === undefined ? undefined : Number(value);
}
const stateOf = async (region: string): Promise<string | undefined> => {
  const { body } = await ask(served.operationsUrl, { target: '/regions', headers: authorization() });
  const { regions } = JSON.parse(body) as { regions: readonly { region: string; state: string }[] };
  return regions.find((each) => each.region === region)?.state;
};
/** The processes that this one started. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
const pidOf = (worker: number): number => {
  const pids = childrenOf(served.pid);
  const pid = pids[worker];
  if (pid === undefined) throw new Error(`there are ${pids.length} workers`);
  return pid;
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('two workers', () => {
  it('give one key per id, whichever answers, and their metrics are the sum', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `id/${index % 4}`);
    const answers = await Promise.all(ids.map((id) => lab.get(served, id, token)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ key }, index) => `${ids[index]} ${key}`)).size).toBe(4);
    expect(await metric(readsTotal)).toBe(answers.length);
    expect(filesOfLog(lab.path('workers', 'audit.jsonl'))).toHaveLength(workers);
  });

  it('carry out an order that one of them got, also one that starts later', async () => {
    const drained = await ask(served.operationsUrl, {
      method: 'POST',
      target: '/regions/us-east-1/drain',
      headers: authorization(),
    });
    expect(drained.status).toBe(200);
    const states = async (): Promise<readonly unknown[]> =>
      Promise.all(Array.from({ length: 6 }, () => stateOf('us-east-1')));
    await until(async () => (await states()).every((state) => state === 'drained'));
    // The service goes on with the configuration that it started with.
    writeFileSync(config, embeddedConfig('./elsewhere'));
    process.kill(pidOf(0), 'SIGKILL');
    await until(async () => (await metric('rkms_workers_replaced_total')) === 1);
    await until(async () => (await metric('rkms_workers')) === workers);
    writeFileSync(config, text);
    expect(await states()).toEqual(Array.from({ length: 6 }, () => 'drained'));
    expect((await lab.get(served, 'id/0', token)).status).toBe(200);
    expect(served.stderr).toContain('a worker ended, and another one takes its place');
  });

  it('lose only the requests in flight of one that is killed, and no count', async () => {
    const readers = 8;
    const before = (await metric(readsTotal)) ?? 0;
    let isOver = false;
    const lost: unknown[] = [];
    const statuses = new Set<number>();
    const read = async (): Promise<void> => {
      while (!isOver && lost.length <= readers) {
        const answer = await lab.get(served, 'id/0', token).catch((cause: unknown) => void lost.push(cause));
        if (answer) statuses.add(answer.status);
      }
    };
    const reading = Promise.all(Array.from({ length: readers }, read));
    await until(async () => ((await metric(readsTotal)) ?? 0) > before + 2 * readers);
    const counted = (await metric(readsTotal)) ?? 0;
    process.kill(pidOf(0), 'SIGKILL');
    await until(async () => (await metric('rkms_workers_replaced_total')) === 2);
    expect(await metric(readsTotal)).toBeGreaterThanOrEqual(counted);
    await until(async () => (await metric('rkms_workers')) === workers);
    isOver = true;
    await reading;
    expect([[...statuses], lost.length <= readers]).toEqual([[200], true]);
    expect(await metric(readsTotal)).toBeGreaterThanOrEqual(counted);
  });

  it('refuse a revoked token, both of them', async () => {
    const doomed = await lab.token(config, 'doomed', 'read');
    await until(async () => (await lab.get(served, 'id/0', doomed)).status === 200);
    const { stdout } = await lab.run(['token', 'list', '--config', config, '--json']);
    const [, publicId = ''] = /"id": "([^"]+)",\s*"caller": "doomed"/.exec(stdout) ?? [];
    expect((await lab.run(['token', 'revoke', publicId, '--config', config])).code).toBe(0);
    await until(async () => {
      const asked = Array.from({ length: 6 }, () => lab.get(served, 'id/0', doomed));
      return (await Promise.all(asked)).every(({ status }) => status === 401);
    });
  });

  it('heed no signal of their own, go on at HUP, and stop together with exit code 0', async () => {
    process.kill(pidOf(0), 'SIGTERM');
    process.kill(served.pid, 'SIGHUP');
    await served.output((_, log) => (log.includes('signal ignored') ? true : undefined));
    expect((await lab.get(served, 'id/1', token)).status).toBe(200);
    const pids = childrenOf(served.pid);
    expect(await served.stop()).toMatchObject({ code: 0 });
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await lab.run(['audit', 'verify', '--config', config])).code).toBe(0);
  });
});

it('workers end when the process that started them is killed', async () => {
  const other = await lab.serve(config);
  await until(() => childrenOf(other.pid).length === workers);
  const pids = childrenOf(other.pid);
  await other.stop('SIGKILL');
  await until(() => !pids.some(isAlive));
});

it('a start that is refused is told once, with one exit code', async () => {
  const broken = lab.write('broken.toml', `${embeddedConfig('/proc/none')}[server]\nworkers = ${workers}\n`);
  const { code, stderr } = await lab.start(['serve', '--config', broken]).ended;
  expect([code, stderr.split('rkms: ').length]).toEqual([1, 2]);
});
