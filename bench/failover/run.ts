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
import { callers, closed, paced, readInTurn, type Ask } from './load.js';
import { longRuns, type LongRun } from './long-runs.js';
import { measure, type Measured, type Plan } from './measure.js';
import { OneAtATime } from './one-at-a-time.js';
import { ids, warmUp } from './phases.js';
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
  /** Reads a second; else it depends on the machine. */
  readonly rate?: number;
  /** Where to write everything that was measured. */
  readonly json?: string;
}

const usual = { fewestReads: 1_000, healthyMs: 8_000, oneMs: 8_000, twoMs: 4_000 };
const quickly = { fewestReads: 200, healthyMs: 2_000, oneMs: 3_000, twoMs: 2_000 };
/** Reads a second, where the machine can do four times as many. */
const usualRate = 200;
const lanes = 3;
const longest = 40 * 60_000;

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

async function runAll(options: BenchOptions): Promise<readonly Verdict[]> {
  const { folder, service, only, quick, json } = options;
  const wanted = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
    only.length === 0 ? all : all.filter(({ name }) => only.includes(name));
  const program = join(dirname(fileURLToPath(import.meta.url)), '../..');
  const foundation = await Foundation.lay({ folder, program, service, children: new Children() });
  const machine = await lookAtMachine(foundation, options.rate);
  console.log(`${machine.says}${busyness()}`);
  if (machine.idleP99Ms > busyAboveMs)
    console.log(
      'THE MACHINE IS BUSY WITH OTHER THINGS: times, and what follows from them, say more about it than about RKMS.',
    );

  const plan = { rate: machine.rate, ...(quick ? quickly : usual) };
  const { measured, verdicts } = await measureAll(foundation, wanted(cases), plan);
  const long: LongRun[] = [];
  for (const { name, run: runIt } of wanted(longRuns)) {
    progress(name);
    long.push(await runIt(foundation, plan.rate, quick ? 10_000 : 100_000));
  }
  const longVerdicts = long.map(longVerdictsOf);
  if (long.length > 0) console.log(`${longTableOf(long, longVerdicts)}\n`);
  if (json !== undefined) writeFileSync(json, JSON.stringify({ machine, measured, long }, undefined, 2));
  return [...verdicts, ...longVerdicts.flat()];
}

/** Answering without work takes a few milliseconds on a machine that has time. */
const busyAboveMs = 30;

interface Machine {
  readonly idleP99Ms: number;
  readonly rate: number;
  readonly says: string;
}

/** How fast the load may be, and what the same load takes without any work behind it: the client, and the service's HTTP. */
async function lookAtMachine(foundation: Foundation, wantedRate?: number): Promise<Machine> {
  const house = await House.open(foundation, 'idle', false);
  await warmUp(house, usualRate / 4);
  const read = readInTurn(house.client, ids);
  let startedMs = performance.now();
  let ended = 0;
  // The first half makes the program warm.
  await closed(read, 2 * capacityReads, 60_000, () => {
    ended += 1;
    if (ended === capacityReads) startedMs = performance.now();
  });
  const capacity = (capacityReads * 1_000) / (performance.now() - startedMs);
  const rate = wantedRate ?? Math.min(usualRate, Math.max(callers / 5, Math.floor(capacity / 4)));
  const samples = await paced(livez(house), rate, Math.max(400, 2 * rate));
  await house.close();
  const startMs = Math.min(...samples.map(({ dueMs }) => dueMs));
  const steady = samples.filter(({ dueMs }) => dueMs > startMs).map(({ tookMs }) => tookMs);
  const atOnce = samples.filter(({ dueMs }) => dueMs === startMs).map(({ tookMs }) => tookMs);
  const [p50 = '', p99 = '', worst = ''] = [
    quantile(steady, 0.5),
    quantile(steady, 0.99),
    quantile(atOnce, 1),
  ].map((ms) => ms.toFixed(1));
  const says =
    `Can do ${capacity.toFixed(0)} reads a second; is asked for ${rate}. ` +
    `The client alone (GET /livez at that rate): p50 ${p50}, p99 ${p99} ms; 50 at once: ${worst} ms.\n`;
  return { rate, says, idleP99Ms: quantile(steady, 0.99) };
}

const capacityReads = 1_000;

const livez =
  (house: House): Ask =>
  async (_caller, _turn, dueMs) => {
    const { status } = await house.client.ask('/livez');
    const tookMs = performance.timeOrigin + performance.now() - dueMs;
    return { dueMs, tookMs, status, right: status === 200, region: '' };
  };

async function measureAll(
  foundation: Foundation,
  wanted: readonly Case[],
  plan: Plan,
): Promise<{ readonly measured: readonly Measured[]; readonly verdicts: readonly Verdict[] }> {
  const alone = new OneAtATime();
  const results = new Map<Case, Measured>();
  const broken: Verdict[] = [];
  const left = [...wanted];
  const lane = async (): Promise<void> => {
    for (let each = left.shift(); each !== undefined; each = left.shift()) {
      try {
        const measured = await measure(foundation, each, plan, alone);
        results.set(each, measured);
        const missed = verdictsOf(measured).filter(({ holds }) => !holds);
        for (const { about, bound, value } of missed) progress(`${about}: not ${bound}: ${value}`);
      } catch (error) {
        broken.push(notMeasured(each, error));
      }
      progress(`${each.name} (${results.size + broken.length}/${wanted.length})`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const measured = wanted.flatMap((each) => results.get(each) ?? []);
  const verdicts = measured.map(verdictsOf);
  if (measured.length > 0) console.log(`\n${tableOf(measured, verdicts)}\n`);
  return { measured, verdicts: [...verdicts.flat(), ...broken] };
}

const notMeasured = ({ says }: Case, error: unknown): Verdict => ({
  about: says,
  cell: 'measured',
  bound: 'can be measured',
  value: error instanceof Error ? (error.stack ?? error.message) : String(error),
  holds: false,
});

function progress(text: string): void {
  console.error(`... ${text}`);
}
