// The whole measurement: each way to fail in a house of its own, some of them recovering while the next is measured; then the
// long runs; then the verdict.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verdictsOf, longVerdictsOf, type Verdict } from './bounds.js';
import { cases, type Case } from './cases.js';
import { Children } from './children.js';
import { Foundation, House } from './house.js';
import { paced } from './load.js';
import { longRuns, type LongRun } from './long-runs.js';
import { measure, type Durations, type Measured } from './measure.js';
import { OneAtATime } from './one-at-a-time.js';
import { quantile } from './statistics.js';
import { longTableOf, tableOf } from './table.js';

export interface BenchOptions {
  /** A folder to work in; whoever made it removes it. */
  readonly folder: string;
  /** The built program. */
  readonly service: string;
  /** Names of cases and long runs; all when empty. */
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly list: boolean;
  /** Where to write everything that was measured. */
  readonly json?: string;
}

const usual: Durations = { healthyMs: 3_000, oneMs: 5_000, twoMs: 4_000 };
const quickly: Durations = { healthyMs: 2_000, oneMs: 3_000, twoMs: 2_000 };
const lanes = 3;
const longest = 20 * 60_000;

/** Answers with the exit code: 1 when a bound does not hold. */
export async function run(options: BenchOptions): Promise<number> {
  const known = [...cases, ...longRuns].map(({ name }) => name);
  const unknown = options.only.filter((name) => !known.includes(name));
  if (options.list || unknown.length > 0) {
    const problem = unknown.length > 0 ? `unknown: ${unknown.join(', ')}\n` : '';
    console.log(`${problem}known names: ${known.join(', ')}`);
    return unknown.length > 0 ? 2 : 0;
  }
  // Leaving by exit kills what was started and removes the folder.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const tooLong = setTimeout(() => {
    console.error(`the bench did not end within ${longest / 60_000} minutes`);
    process.exit(1);
  }, longest);
  const startedMs = performance.now();
  const verdicts = await runAll(options);
  clearTimeout(tooLong);
  const failed = verdicts.filter(({ holds }) => !holds);
  for (const { about, bound, value } of failed) console.log(`FAIL  ${about}: ${bound}; it was ${value}`);
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  console.log(
    `${verdicts.length - failed.length} of ${verdicts.length} bounds hold. Took ${minutes} minutes; ${busyness()}`,
  );
  return failed.length === 0 ? 0 : 1;
}

const busyness = (): string =>
  `${cpus().length} processors, load average ${loadavg()[0]?.toFixed(1) ?? '?'} over the last minute.`;

async function runAll({ folder, service, only, quick, json }: BenchOptions): Promise<readonly Verdict[]> {
  const wanted = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
    only.length === 0 ? all : all.filter(({ name }) => only.includes(name));
  const program = join(dirname(fileURLToPath(import.meta.url)), '../..');
  const foundation = await Foundation.lay({ folder, program, service, children: new Children() });
  console.log(await clientAlone(foundation));

  const measured = await measureAll(foundation, wanted(cases), quick ? quickly : usual);
  const verdicts = measured.map(verdictsOf);
  if (measured.length > 0) console.log(`\n${tableOf(measured, verdicts)}\n`);

  const long: LongRun[] = [];
  for (const { name, run: runIt } of wanted(longRuns)) {
    progress(name);
    long.push(await runIt(foundation, quick ? 10_000 : 100_000));
  }
  const longVerdicts = long.map(longVerdictsOf);
  if (long.length > 0) console.log(`${longTableOf(long, longVerdicts)}\n`);
  if (json !== undefined) writeFileSync(json, JSON.stringify({ measured, long }, undefined, 2));
  return [...verdicts.flat(), ...longVerdicts.flat()];
}

/** The same load without any work behind it: what the client and the service's HTTP take by themselves. */
async function clientAlone(foundation: Foundation): Promise<string> {
  const house = await House.open(foundation, 'idle', false);
  const ask = async (caller: number, turn: number, dueMs: number) => {
    const { status } = await house.client.ask('/livez');
    const tookMs = performance.timeOrigin + performance.now() - dueMs;
    return { dueMs, tookMs, status, right: status === 200, region: `${caller} ${turn}` };
  };
  await paced(ask, 1_000);
  const samples = await paced(ask, 2_000);
  await house.close();
  const startMs = samples[0]?.dueMs ?? 0;
  const steady = samples.filter(({ dueMs }) => dueMs > startMs).map(({ tookMs }) => tookMs);
  const atOnce = samples.filter(({ dueMs }) => dueMs === startMs).map(({ tookMs }) => tookMs);
  const [p50, p99, burst] = [quantile(steady, 0.5), quantile(steady, 0.99), quantile(atOnce, 0.99)].map(
    (ms) => ms.toFixed(1),
  );
  return `The client alone (GET /livez at the same pace): p50 ${p50} ms, p99 ${p99} ms; 50 at once: p99 ${burst} ms. ${busyness()}`;
}

async function measureAll(
  foundation: Foundation,
  wanted: readonly Case[],
  durations: Durations,
): Promise<readonly Measured[]> {
  const alone = new OneAtATime();
  const results = new Map<Case, Measured>();
  const left = [...wanted];
  const lane = async (): Promise<void> => {
    for (let each = left.shift(); each !== undefined; each = left.shift()) {
      results.set(each, await measure(foundation, each, durations, alone));
      progress(`${each.name} (${results.size}/${wanted.length})`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return wanted.flatMap((each) => results.get(each) ?? []);
}

function progress(text: string): void {
  console.error(`... ${text}`);
}
