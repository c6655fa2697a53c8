// The command behind `make mutants`: builds each mutant, runs schedules until it is caught or time is up, and prints a table.
// Exits 1 when one is not caught, or is caught by a promise that it does not break.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { compileSimulation } from './compile.js';
import { mutants, type Mutant } from './mutants.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string', default: '' },
  },
});

interface Catch {
  readonly mutant: Mutant;
  readonly caughtBy: string;
  readonly seeds: number;
  readonly seconds: number;
}

const project = process.env['RKMS_PROJECT'] ?? process.cwd();

async function hunted(mutant: Mutant): Promise<Catch> {
  const folder = compileSimulation(project, mutant);
  try {
    const script = join(folder, 'test/simulation/hunt-mutant.js');
    const { stdout } = await promisify(execFile)(process.execPath, [script, values.seconds]);
    return { mutant, ...(JSON.parse(stdout) as Omit<Catch, 'mutant'>) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const isRight = ({ mutant, caughtBy }: Catch): boolean =>
  (mutant.breaks as readonly string[]).includes(caughtBy);

const row = (found: Catch): string => {
  const { mutant, caughtBy, seeds, seconds } = found;
  const verdict = caughtBy === '' ? 'GOT AWAY' : isRight(found) ? caughtBy : `${caughtBy} ?`;
  return `${mutant.name.padEnd(64)}${verdict.padEnd(10)}${String(seeds).padStart(7)}${seconds.toFixed(1).padStart(8)}`;
};

const waiting = mutants.filter(({ name }) => name.includes(values.only));
const found: Catch[] = [];
console.log(`${'mutant'.padEnd(64)}${'caught by'.padEnd(10)}${'seeds'.padStart(7)}${'seconds'.padStart(8)}`);
async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const one = await hunted(mutant);
    found.push(one);
    console.log(row(one));
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
const right = found.filter(isRight).length;
console.log(`\n${right} of ${found.length} mutants caught`);
process.exitCode = right === found.length ? 0 : 1;
