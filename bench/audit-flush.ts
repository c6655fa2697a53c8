// Two served processes, one with audit flushing on and one with it off, each on a store of its own, take turns answering
// GET /key for known ids. Prints the requests per second of both, side by side, and whether every answer has its line.
//
//   node bench/audit-flush.ts [rounds] [seconds per round] [connections]
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [rounds = 5, seconds = 4, connections = 64] = process.argv.slice(2).map(Number);
const knownIds = 50;
const folder = mkdtempSync(join(tmpdir(), 'rkms-bench-'));

interface Served {
  readonly flush: string;
  readonly process: ChildProcess;
  readonly url: string;
  readonly data: string;
  readonly token: string;
  readonly rates: number[];
  answered: number;
}

async function serve(flush: string): Promise<Served> {
  const data = join(folder, flush);
  const env = {
    ...process.env,
    RKMS_DATA_DIR: data,
    RKMS_AUDIT_FLUSH: flush,
    RKMS_SERVER_PORT: '0',
    RKMS_OPERATIONS_PORT: '0',
    RKMS_LOG_LEVEL: 'error',
  };
  const child = spawn(process.execPath, ['dist/src/infrastructure/main.js', 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [banner] = (await once(createInterface(child.stdout), 'line')) as [string];
  const [url = ''] = /http:\/\/[\d.:]+/.exec(banner) ?? [];
  const token = readFileSync(join(data, 'token'), 'utf8').trim();
  return { flush, process: child, url, data, token, rates: [], answered: 0 };
}

const agent = new Agent({ keepAlive: true, maxSockets: connections });

const ask = ({ url, token }: Served, id: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    get(`${url}/key?id=known/${id}`, { agent, headers }, (answer) => {
      answer.resume().once('end', () => {
        resolve(answer.statusCode ?? 0);
      });
    }).once('error', reject);
  });

/** Requests per second, with as many under way as there are connections. */
async function round(served: Served, durationMs: number): Promise<number> {
  const startedMs = performance.now();
  let count = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - startedMs < durationMs) {
      const status = await ask(served, count % knownIds);
      if (status !== 200) throw new Error(`status ${status}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  served.answered += count;
  return (count / (performance.now() - startedMs)) * 1_000;
}

const both = [await serve('disk'), await serve('os')];
for (const served of both) {
  for (let id = 0; id < knownIds; id += 1) await ask(served, id);
  served.answered += knownIds;
  await round(served, 1_000);
}
for (let n = 0; n < rounds; n += 1) {
  for (const served of both) served.rates.push(await round(served, seconds * 1_000));
}

const median = (rates: readonly number[]): number =>
  rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
console.log(
  `GET /key of ${knownIds} known ids, ${connections} connections, ${rounds} rounds of ${seconds} s in turns`,
);
for (const served of both) {
  served.process.kill('SIGTERM');
  await once(served.process, 'close');
  const lines = readFileSync(join(served.data, 'audit.jsonl'), 'utf8').match(/"outcome":"(opened|created)"/g);
  const name = served.flush === 'disk' ? 'flushing on ' : 'flushing off';
  const rates = served.rates.map((rate) => rate.toFixed(0)).join(' ');
  console.log(`audit ${name}: ${median(served.rates).toFixed(0)} requests/s (rounds: ${rates})`);
  console.log(`  answers ${served.answered}, lines ${lines?.length ?? 0}`);
  if (lines?.length !== served.answered) process.exitCode = 1;
}
const [on, off] = both.map(({ rates }) => median(rates));
console.log(
  `with flushing on: ${(((on ?? 0) / (off ?? 1)) * 100).toFixed(0)} % of the rate with flushing off`,
);
agent.destroy();
rmSync(folder, { recursive: true });
