// Two served processes share one store; for each new id, many requests at once go to both. Prints how many different keys
// an id got (must be 1), how many data keys were generated for it, and how long the answers took. Exits 1 if a key differs.
//
//   node bench/one-key-per-id.ts [ids] [requests at once]
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [ids = 200, atOnce = 64] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'rkms-bench-'));

interface Served {
  readonly process: ChildProcess;
  readonly url: string;
  generated: number;
}

async function serve(): Promise<Served> {
  const env = {
    ...process.env,
    RKMS_DATA_DIR: join(folder, 'data'),
    RKMS_SERVER_PORT: '0',
    RKMS_OPERATIONS_PORT: '0',
    RKMS_LOG_LEVEL: 'debug',
  };
  const child = spawn(process.execPath, ['dist/src/infrastructure/main.js', 'serve'], { env });
  const [banner] = (await once(createInterface(child.stdout), 'line')) as [string];
  const [url = ''] = /http:\/\/[\d.:]+/.exec(banner) ?? [];
  const served: Served = { process: child, url, generated: 0 };
  createInterface(child.stderr).on('line', (line) => {
    if (line.includes('"operation":"generate"')) served.generated += 1;
  });
  return served;
}

async function get(url: string, id: string, token: string): Promise<{ key: string; ms: number }> {
  const startedMs = performance.now();
  const response = await fetch(`${url}/key?id=${id}`, { headers: { Authorization: `Bearer ${token}` } });
  const { key } = (await response.json()) as { key?: string };
  return { key: key ?? `status ${response.status}`, ms: performance.now() - startedMs };
}

const services = [await serve(), await serve()];
const token = readFileSync(join(folder, 'data', 'token'), 'utf8').trim();
const times: number[] = [];
let worst = 0;
for (let n = 0; n < ids; n += 1) {
  const answers = await Promise.all(
    Array.from({ length: atOnce }, (_, k) => get(services[k % 2]?.url ?? '', `race/${n}`, token)),
  );
  worst = Math.max(worst, new Set(answers.map(({ key }) => key)).size);
  times.push(...answers.map(({ ms }) => ms));
}
for (const service of services) {
  service.process.kill('SIGTERM');
  await once(service.process, 'close');
}
rmSync(folder, { recursive: true });

times.sort((a, b) => a - b);
const at = (share: number): string => (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(1);
const generated = services.reduce((sum, service) => sum + service.generated, 0);
console.log(`${ids} ids, ${atOnce} requests at once for each, two processes on one store`);
console.log(`different keys per id, at most: ${worst}`);
console.log(`data keys generated: ${generated} (${(generated / ids).toFixed(2)} per id)`);
console.log(`answered in ms: p50 ${at(0.5)}, p99 ${at(0.99)}, slowest ${at(1)}`);
process.exitCode = worst === 1 ? 0 : 1;
