// What RKMS costs, measured beside what it cannot be faster than: throughput, processor time, latency, calls to AWS and
// memory. The built program runs with its default settings on one core; its callers and a stand-in for AWS (bench/speed/)
// share another. Prints a table in Markdown. Processor time, memory and cores: Linux only.
//
//   node bench/speed.ts [--quick] [--only <part of a row's name>]
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Answered, Load } from './speed/load.ts';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
const [warmSeconds, seconds] = options.quick ? [1, 1.5] : [4, 8];
const manyIds = options.quick ? 5_000 : 1_000_000;
const manyReads = `RKMS: reads, ${manyIds.toLocaleString('en')} ids`;
const reads = '/key?id=known/{n}';
/** How a row's load differs from reads of 1,000 ids by 32 callers, whether the store answers, how often it is warmed up. */
type Work = Partial<Load> & { readonly silent?: boolean; readonly warmUps?: number };

const folder = mkdtempSync(join(tmpdir(), 'rkms-bench-'));
const log = openSync(join(folder, 'log'), 'a');
const children = new Set<ChildProcess>();
process.prependOnceListener('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const here = (path: string): string => new URL(path, import.meta.url).pathname;
const program = here('../dist/src/infrastructure/main.js');
const [serverCore, otherCore] = ['0', '1'];
const mayPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '1', 'true']).status === 0;
const environment = {
  PATH: process.env['PATH'],
  HOME: folder,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_ACCESS_KEY_ID: 'dummy',
  AWS_SECRET_ACCESS_KEY: 'dummy',
};

/** Starts Node on one core; the first message or, for the program, the first line says where it listens. */
function start(core: string, ...args: readonly string[]): ChildProcess {
  const command = [...(mayPin ? ['taskset', '-c', core] : []), process.execPath, ...args];
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', log, 'ipc'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function asked<T>(child: ChildProcess, message: object | boolean): Promise<T> {
  const answer = once(child, 'message');
  child.send(message);
  return ((await answer) as [T])[0];
}

/** What serves GET /key, and which processes it is. */
interface Target {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
}

interface StandIn {
  readonly url: string;
  readonly kmsKeys: readonly (readonly [region: string, arn: string])[];
}
const aws = start(otherCore, here('speed/stand-in.ts'));
const [standIn] = (await once(aws, 'message')) as [StandIn];
const callers = start(otherCore, here('speed/load.ts'));

async function floor(kind: string): Promise<Target> {
  const child = start(serverCore, here('speed/floor.ts'), kind, standIn.url, JSON.stringify(standIn.kmsKeys));
  const [{ url }] = (await once(child, 'message')) as [{ readonly url: string }];
  return { child, url, token: 'none' };
}

const configOf = (more: string): string =>
  `deployment = "bench"\n[operations]\nport = 0\n[server]\nport = 0\n${more}` +
  `[store]\nkind = "dynamodb"\ntable = "rkms"\nregion = "us-east-1"\nendpoint = "${standIn.url}"\n` +
  '[creation]\nburst = 1000000\nper_second = 100000\nper_day = 1000000000\n' +
  standIn.kmsKeys
    .map(
      ([name, key]) =>
        `[[regions]]\nname = "${name}"\nvault = "aws-kms"\nkms_key = "${key}"\nendpoint = "${standIn.url}"\n`,
    )
    .join('');

let token: string | undefined;

async function rkms(more = ''): Promise<Target> {
  writeFileSync(join(folder, 'rkms.toml'), configOf(more));
  const run = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [program, ...args, '--config', 'rkms.toml'], {
      cwd: folder,
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  if (token === undefined) {
    run('init');
    token = run('token', 'create', '--caller', 'bench', '--allow', 'read,create').trim();
  }
  const child = start(serverCore, program, 'serve', '--config', 'rkms.toml');
  for await (const line of createInterface(child.stdout ?? process.stdin)) {
    const url = /^RKMS serves (http:[^\s]+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout?.resume();
    return { child, url, token };
  }
  throw new Error('RKMS did not start');
}

/** The fields of /proc/<pid>/stat after the command's name; undefined when the process is gone or there is no /proc. */
function statOf(pid: number | string): readonly string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return undefined;
  }
}

/** The process and its workers. */
function familyOf({ pid }: ChildProcess): readonly (number | string)[] {
  const parent = String(pid);
  const workers = readdirSync('/proc').filter((each) => /^\d+$/.test(each) && statOf(each)?.[1] === parent);
  return [parent, ...workers];
}

const ticksPerSecond = 100;
const bytesPerPage = 4_096;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const cpuSeconds = (child: ChildProcess): number =>
  sum(familyOf(child).map((pid) => sum((statOf(pid) ?? []).slice(11, 13).map(Number)))) / ticksPerSecond;
const residentMiB = (child: ChildProcess): number =>
  sum(familyOf(child).map((pid) => Number(statOf(pid)?.[21] ?? 0) * bytesPerPage)) / 1_048_576;

/** What a row measured, for the ratios at the end. */
interface Measured {
  readonly rate: number;
  readonly cpuMs: number;
  readonly p99Ms: number;
}
const rows = new Map<string, Measured>();
const print = (...cells: readonly string[]): void => {
  console.log(`| ${cells.join(' | ')} |`);
};

/** Measures one row after a warm-up with the same load. */
async function row(name: string, { child, url, token }: Target, work: Work = {}): Promise<void> {
  if (!name.includes(options.only)) return;
  const { silent = false, warmUps = work.most === undefined ? 1 : 0, ...different } = work;
  const load = { url, token, path: reads, ids: 1_000, connections: 32, seconds, ...different };
  const warmUp = { ...load, path: load.path.replace('new/', 'warm/'), seconds: warmSeconds };
  for (let n = 0; n < warmUps; n += 1) await asked(callers, warmUp);
  await asked(aws, silent);
  const before = cpuSeconds(child);
  const { requests, succeeded, p50Ms, p99Ms, ...took } = await asked<Answered>(callers, load);
  const cpuMs = ((cpuSeconds(child) - before) * 1_000) / requests;
  const calls = await asked<{ readonly kms: number; readonly store: number }>(aws, false);
  const rate = requests / took.seconds;
  rows.set(name, { rate, cpuMs, p99Ms });
  const figures = [p50Ms, p99Ms, calls.kms / requests, calls.store / requests].map((each) => each.toFixed(2));
  const share = `${Number(((succeeded / requests) * 100).toFixed(2))} %`;
  print(name, rate.toFixed(0), cpuMs.toFixed(3), ...figures, residentMiB(child).toFixed(0), share);
}

async function using(target: Promise<Target>, measure: (target: Target) => Promise<void>): Promise<void> {
  await measure(await target);
  await stop((await target).child);
}

const pinned = mayPin ? 'server on one, callers and AWS stand-in on the other' : 'not pinned';
console.log(`Node ${process.version}, ${availableParallelism()} cores (${pinned}), ${seconds} s per row.\n`);
print('', 'req/s', 'CPU ms', 'p50 ms', 'p99 ms', 'KMS calls', 'store calls', 'MiB', 'success');
print('---', ...Array.from({ length: 8 }, () => '---:'));

await using(floor('koa'), async (koa) => {
  await row('Koa', koa);
  await row('Koa, 128 callers', koa, { connections: 128 });
});
await using(floor('lean'), async (lean) => {
  await row('lean client: reads', lean);
  await row('lean client: creations', lean, { path: '/key?id=new/lean/{n}', ids: 1e9 });
});
await using(floor('sdk'), async (sdk) => {
  await row('AWS SDK: reads', sdk);
  await row('AWS SDK: creations', sdk, { path: '/key?id=new/sdk/{n}', ids: 1e9 });
});
await using(rkms(), async (service) => {
  await row('RKMS: reads', service);
  await row('RKMS: reads, one id', service, { ids: 1 });
  await row('RKMS: reads, store silent', service, { silent: true });
  await row('RKMS: creations', service, { path: '/key?id=new/rkms/{n}', ids: 1e9 });
});
await using(rkms('workers = 2\n'), (service) =>
  row('RKMS: reads, two workers', service, { connections: 64, warmUps: 4 }),
);
await using(rkms('[cache.keys]\nttl_s = 300\nentries = 10000\n'), (service) =>
  row('RKMS: key cache, 128 callers', service, { connections: 128 }),
);
await using(rkms(), (service) => row(manyReads, service, { ids: manyIds, seconds: 900, most: manyIds }));

const compare = (one: string, other: string, of: keyof Measured): void => {
  const ratio = (rows.get(one)?.[of] ?? NaN) / (rows.get(other)?.[of] ?? NaN);
  if (Number.isFinite(ratio)) console.log(`- ${one}: ${ratio.toFixed(2)} x ${other} (${names[of]})`);
};
const names: Record<keyof Measured, string> = { rate: 'requests/s', cpuMs: 'CPU', p99Ms: 'p99' };
console.log();
compare('RKMS: reads', 'AWS SDK: reads', 'rate');
compare('RKMS: reads', 'lean client: reads', 'rate');
compare('RKMS: reads', 'lean client: reads', 'p99Ms');
compare('RKMS: key cache, 128 callers', 'Koa, 128 callers', 'rate');
compare('RKMS: reads, two workers', 'RKMS: reads', 'cpuMs');
compare('RKMS: creations', 'AWS SDK: creations', 'rate');
compare(manyReads, 'RKMS: reads', 'cpuMs');
callers.disconnect();
aws.disconnect();
