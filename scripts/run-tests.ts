// What `make test` and `make test-deep` run: every check, a line for each with its seconds and figures, and at the end the
// sum of all tests. Types, lint and format run beside the tests, at a lower priority. Exits 1 when anything failed; a test
// that leaves something open cannot keep the run from ending.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { suitesOf, type Suite } from './test-suites.ts';

/** How long Jest may take to end once it has written its results, in milliseconds. */
const endMs = 15_000;
const isDeep = process.argv.includes('--deep');
/** How many suites run at the same time. Most deep ones use one core, whatever they are given. */
const lanes = isDeep ? availableParallelism() : 1;
/** Jest's workers for each suite. Many tests wait for processes and time-outs, so one more than there are cores. */
const workers = isDeep ? 1 : availableParallelism() + 1;
const folder = mkdtempSync(join(tmpdir(), 'rkms-run-'));

/** What came of a check or a suite. */
interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const total = { passed: 0, failed: 0, skipped: 0 };

function tell(name: string, startedMs: number, { passed, failed, skipped }: Outcome, figures = ''): void {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const seconds = `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
  const verdict = failed > 0 ? 'FAILED' : 'ok';
  const counts = passed + failed > 1 ? `, ${passed} passed, ${failed} failed` : '';
  const more = figures === '' ? '' : `: ${figures}`;
  process.stdout.write(`${verdict.padEnd(7)}${name} (${seconds}${counts})${more}\n`);
}

const running = new Set<ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(1);
  });
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Its output appears at once, not only when it failed. */
  readonly live?: boolean;
  readonly nice?: boolean;
  readonly started?: (child: ChildProcess) => void;
}

function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = spawn(command, [...args], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  options.started?.(child);
  if (options.nice === true && child.pid !== undefined)
    setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (options.live === true) process.stdout.write(text);
    });
  }
  return new Promise((resolve) => {
    child.once('error', (cause) => {
      resolve({ code: 1, output: String(cause) });
    });
    // Not `close`: what a test left running may hold the pipes open.
    child.once('exit', (code) => {
      running.delete(child);
      setImmediate(() => {
        resolve({ code, output });
      });
    });
  });
}

/** A check that passes or fails as a whole. */
async function check(name: string, command: string, args: readonly string[], nice = false): Promise<boolean> {
  const startedMs = performance.now();
  const { code, output } = await run(command, args, { nice });
  if (code !== 0) process.stdout.write(output);
  tell(name, startedMs, { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });
  return code === 0;
}

interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly success: boolean;
}

/** Kills Jest when it does not end although its results are there. */
function watchEnd(child: ChildProcess, results: string): void {
  let writtenMs: number | undefined;
  const timer = setInterval(() => {
    if (existsSync(results)) writtenMs ??= performance.now();
    if (writtenMs !== undefined && performance.now() - writtenMs > endMs) child.kill('SIGKILL');
  }, 500);
  child.once('exit', () => {
    clearInterval(timer);
  });
}

const jest = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];

async function jestSuite({ name, node, jest: args = [], env, summary }: Suite): Promise<void> {
  const startedMs = performance.now();
  const stem = join(folder, name.replaceAll(/\W/g, '-'));
  const results = `${stem}.json`;
  const options = ['--forceExit', '--json', `--outputFile=${results}`, `--maxWorkers=${workers}`];
  const { code, output } = await run(node ?? process.execPath, [...jest, ...options, ...args], {
    env: { ...env, ...(isDeep && { RKMS_DEEP: '1' }), RKMS_FIGURES: `${stem}.figures` },
    live: !isDeep,
    started: (child) => {
      watchEnd(child, results);
    },
  });
  const found = existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')) as JestResults) : undefined;
  if (isDeep && code !== 0) process.stdout.write(output);
  const failed = (found?.numFailedTests ?? 0) + (found?.numRuntimeErrorTestSuites ?? 0);
  const figures = existsSync(`${stem}.figures`)
    ? readFileSync(`${stem}.figures`, 'utf8').trimEnd().split('\n')
    : [];
  tell(
    name,
    startedMs,
    {
      passed: found?.numPassedTests ?? 0,
      // Coverage, a leaked secret, or a run that came to no result is a failure of its own.
      failed: failed === 0 && code !== 0 ? 1 : failed,
      skipped: (found?.numPendingTests ?? 0) + (found?.numTodoTests ?? 0),
    },
    summary?.(figures) ?? '',
  );
}

async function commandSuite({ name, command = [], lastLines = 1 }: Suite): Promise<void> {
  const startedMs = performance.now();
  const { code, output } = await run(process.execPath, command);
  if (code !== 0) process.stdout.write(output);
  const figures = output.trimEnd().split('\n').slice(-lastLines).join('; ');
  tell(name, startedMs, { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }, figures);
}

const bin = (name: string): string => join('node_modules/.bin', name);

async function staticChecks(): Promise<void> {
  await check('types', process.execPath, ['node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.json'], true);
  await check('lint', bin('eslint'), ['.'], true);
  await check('format', bin('prettier'), ['--check', '--log-level', 'warn', '.'], true);
}

async function tests(): Promise<void> {
  if (!(await check('build', 'npm', ['run', '--silent', 'build']))) return;
  const suites = suitesOf(isDeep).values();
  const lane = async (): Promise<void> => {
    for (const suite of suites) await (suite.command === undefined ? jestSuite(suite) : commandSuite(suite));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

try {
  await Promise.all([staticChecks(), tests()]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { passed, failed, skipped } = total;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(failed > 0 ? 1 : 0);
