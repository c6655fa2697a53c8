// No line, no key (I10), in the served process: killed in mid-traffic, with a full disk, and with several on one folder.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, type HttpAnswer } from '../support/http-client.js';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { until } from '../support/until.js';

let lab: Lab;
beforeAll(() => {
  lab = new Lab();
});
afterAll(async () => {
  await lab.close();
});

const config = (folder: string): string => lab.write(`${folder}.toml`, embeddedConfig(`./${folder}`));
const tokenIn = (folder: string): string => readFileSync(lab.path(folder, 'token'), 'utf8').trim();
const verify = (folder: string, ...more: readonly string[]) =>
  lab.run(['audit', 'verify', '--config', lab.path(`${folder}.toml`), ...more]);

/** Asks under a request id, by which the answer's line can be found. */
const get = ({ url }: Served, id: string, requestId: string, token: string): Promise<HttpAnswer> =>
  ask(url, {
    target: `/key?id=${id}`,
    headers: { authorization: `Bearer ${token}`, 'x-request-id': requestId },
  });

/** :: request id -> outcome, of all files of the log; a torn line is passed over. */
function outcomesIn(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(lab.path(folder)).filter((name) => /^audit.*\.jsonl$/.test(name));
  const lines = files.flatMap((name) => readFileSync(lab.path(folder, name), 'utf8').split('\n'));
  return new Map(
    lines.flatMap((line) => {
      const [, requestId, outcome] =
        /"requestId":"([^"]+)".*"outcome":"([^"]+)".*"hash":"[0-9a-f]+"\}$/.exec(line) ?? [];
      return requestId !== undefined && outcome !== undefined ? [[requestId, outcome]] : [];
    }),
  );
}

describe('a service that is killed in mid-traffic', () => {
  it('has given out no key without its line, three times over, and its log stays verifiable', async () => {
    const path = config('killed');
    const released: string[] = [];
    for (let life = 0; life < 3; life += 1) {
      const served = await lab.serve(path);
      const token = tokenIn('killed');
      let asked = 0;
      let killed = false;
      const worker = async (): Promise<void> => {
        while (!killed) {
          const requestId = `life-${life}-${(asked += 1)}`;
          const answer = await get(served, `k${asked % 7}`, requestId, token).catch(() => undefined);
          if (answer?.status === 200) released.push(requestId);
        }
      };
      const before = released.length;
      const workers = Array.from({ length: 16 }, worker);
      await until(() => released.length >= before + 150);
      await served.stop('SIGKILL');
      killed = true;
      await Promise.all(workers);
    }
    expect(released.length).toBeGreaterThanOrEqual(450);
    const outcomes = outcomesIn('killed');
    expect(
      released.filter((requestId) => !['opened', 'created'].includes(outcomes.get(requestId) ?? '')),
    ).toEqual([]);
    expect(await verify('killed')).toMatchObject({ code: 0, stdout: expect.stringMatching(/: intact\n$/) });
  }, 60_000);
});

describe('a service whose disk is full', () => {
  const limit = (pid: number, bytes: number | 'unlimited'): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
  };
  const hasPrlimit = process.platform === 'linux';

  (hasPrlimit ? it : it.skip)(
    'releases no key without its line, is not ready, and comes back by itself when there is room',
    async () => {
      const served = await lab.serve(config('full'));
      const token = tokenIn('full');
      for (const n of [1, 2, 3]) await get(served, 'known', `before-${n}`, token);
      // Room for half a line.
      limit(served.pid, statSync(lab.path('full', 'audit.jsonl')).size + 200);
      const refused = await Promise.all(
        Array.from({ length: 20 }, (_, n) => get(served, 'known', `refused-${n}`, token)),
      );
      expect(new Set(refused.map(({ status, body }) => `${status} ${body.includes('"key"')}`))).toEqual(
        new Set(['503 false']),
      );
      expect(refused[0]?.body).toContain('urn:rkms:problem:audit.unavailable');
      expect(await ask(served.url, { target: '/readyz' })).toMatchObject({
        status: 503,
        body: 'not ready\n',
      });
      expect(await ask(served.url, { target: '/livez' })).toMatchObject({ status: 200, body: 'ok\n' });
      limit(served.pid, 'unlimited');
      await until(async () => (await ask(served.url, { target: '/readyz' })).status === 200);
      expect(await get(served, 'known', 'after', token)).toMatchObject({ status: 200 });
      expect(await served.stop()).toMatchObject({ code: 0 });
      expect([...outcomesIn('full').keys()].sort()).toEqual(['after', 'before-1', 'before-2', 'before-3']);
      expect(await verify('full')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('note') });
    },
    60_000,
  );
});

describe('several services on one data folder', () => {
  it('write chains of their own, which are verified together', async () => {
    const path = config('several');
    const services = [await lab.serve(path), await lab.serve(path), await lab.serve(path)];
    const token = tokenIn('several');
    const ids = Array.from({ length: 60 }, (_, n) => `request-${n}`);
    await Promise.all(
      services.flatMap((served, lane) =>
        ids.filter((_, n) => n % 3 === lane).map((id) => get(served, 'shared', id, token)),
      ),
    );
    await Promise.all(services.map((served) => served.stop()));
    expect([...outcomesIn('several').keys()].sort()).toEqual(ids.toSorted());
    const { code, stdout } = await verify('several', '--json');
    const { files, findingCount } = JSON.parse(stdout) as { files: { file: string }[]; findingCount: number };
    expect([code, findingCount, files.map(({ file }) => file)]).toEqual([
      0,
      0,
      ['several/audit.jsonl', 'several/audit-2.jsonl', 'several/audit-3.jsonl'],
    ]);
  }, 60_000);
});

describe('rkms audit verify', () => {
  it('ends with 2 and names the line when one was edited, with 1 when there is no log', async () => {
    const served = await lab.serve(config('edited'));
    await get(served, 'orders/7', 'a', tokenIn('edited'));
    await served.stop();
    const content = readFileSync(lab.path('edited', 'audit.jsonl'), 'utf8');
    const anchor = /^ {2}anchor (\S+)$/m.exec((await verify('edited')).stdout)?.[1] ?? '';
    expect(await verify('edited', '--anchor', anchor)).toMatchObject({ code: 0 });
    lab.write('edited/audit.jsonl', content.replace('orders/7', 'orders/8'));
    expect(await verify('edited')).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('WRONG  line 3, edited: the hash does not match the line'),
    });
    lab.write('edited/audit.jsonl', content.split('\n').slice(0, -2).join('\n'));
    expect(await verify('edited')).toMatchObject({ code: 0 });
    expect(await verify('edited', '--anchor', anchor)).toMatchObject({
      code: 2,
      stdout: expect.stringContaining(`anchor-not-found: no line matches ${anchor}`),
    });
    expect(await verify('edited', '--anchor', 'x')).toMatchObject({ code: 64 });
    config('nothing');
    expect(await verify('nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no audit log nothing/audit.jsonl'),
    });
  }, 60_000);
});
