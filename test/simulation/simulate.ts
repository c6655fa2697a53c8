// The command behind `make simulate`: runs so many seeds, or one schedule with its whole story, and says what was found.
// Exits 1 when a promise was broken or a fault never tried.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { coverageTable, neverHit } from './faults.js';
import { hunt, type Found } from './hunt.js';
import { spell, unspell } from './plan.js';
import { runSchedule } from './run-schedule.js';
import { shrink } from './shrink.js';
import type { BrokenSeed } from './worker.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string', default: '0' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string', default: '' },
  },
});

/** No more than so many broken seeds are shrunk: the first ones tell the most. */
const mostShrunk = 3;

async function simulate(): Promise<boolean> {
  let saidAtSeconds = 0;
  const progress = ({ done, seconds, broken }: Found): void => {
    if (seconds - saidAtSeconds < 10) return;
    saidAtSeconds = seconds;
    console.error(`${done} schedules, ${(done / seconds).toFixed(0)} per second, ${broken.length} broken`);
  };
  const found = await hunt({
    from: Number(values.from),
    seeds: Number(values.seeds),
    jobs: Number(values.jobs),
    endsWhenBroken: false,
    progress,
  });
  const { done, seconds, released, coverage, broken } = found;
  console.log(`${done} schedules in ${seconds.toFixed(1)} s, ${(done / seconds).toFixed(0)} per second`);
  console.log(`${released} keys released, ${broken.length} schedules broke a promise\n`);
  console.log(coverageTable(coverage));
  const missed = neverHit(coverage);
  if (missed.length > 0) console.log(`\nnever tried: ${missed.join(', ')}`);
  for (const one of broken.slice(0, mostShrunk)) await tellBroken(one);
  for (const { seed, invariant, what } of broken.slice(mostShrunk, 20))
    console.log(`\n${invariant}: ${what} (SEED=${seed})`);
  return broken.length === 0 && missed.length === 0;
}

async function tellBroken({ seed, invariant, what }: BrokenSeed): Promise<void> {
  console.log(`\n${invariant}: ${what}`);
  console.log(`  make simulate SEED=${spell(await shrink({ seed }))}`);
}

async function tell(text: string): Promise<boolean> {
  const { story, violation } = await runSchedule(unspell(text), { tell: true });
  console.log(story?.join('\n'));
  console.log(violation ? `\n${violation.invariant}: ${violation.what}` : '\nno promise was broken');
  return violation === undefined;
}

process.exitCode = (await (values.seed === '' ? simulate() : tell(values.seed))) ? 0 : 1;
