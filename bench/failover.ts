// What callers notice when regions fail, measured: the built program with its default settings, three played regions, and a
// client, each in a process of its own. Prints one table with a mark at each bound that does not hold, and exits 1 then.
//
//   node bench/failover.ts [--only refused,silent] [--quick] [--rate <reads a second>] [--json <file>] [--list]
//
// How it loads the service: 50 callers, each with one request at a time, due at fixed times: 200 reads a second together, or
// a quarter of what the machine can do where that is less. At the start of each phase all 50 ask at the same moment, so the
// first requests that meet a failure are 50 at once. An open loop, because on few cores a closed one would fill the CPU, and
// p99 would measure that. What a request had to wait for its turn counts.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rate: { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

// Node strips types, but does not compile: what the bench shares with the tests is transpiled into the folder it works in.
const here = (path: string): URL => new URL(path, import.meta.url);
const { compileSources } = (await import(
  here('../test/support/compiled-sources.ts').href
)) as typeof import('../test/support/compiled-sources.js');
const sourcesIn = (folder: string): readonly string[] =>
  readdirSync(here(`../${folder}`))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));

const folder = mkdtempSync(join(tmpdir(), 'rkms-bench-'));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
const program = join(folder, 'program');
mkdirSync(program);
compileSources(program, ...sourcesIn('test/support'), ...sourcesIn('bench/failover'));
const { run } = (await import(
  pathToFileURL(join(program, 'bench/failover/run.js')).href
)) as typeof import('./failover/run.js');
const { only, quick, rate, json, list } = options;
process.exitCode = await run({
  folder,
  service: here('../dist/src/infrastructure/main.js').pathname,
  only: only?.split(',') ?? [],
  quick,
  list,
  ...(json === undefined ? {} : { json }),
  ...(rate === undefined ? {} : { rate: Number(rate) }),
});
