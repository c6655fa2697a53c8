// The command behind `make simulate`: runs many seeds, or one schedule with its full history, and prints the result. Exits 1
// when a promise was broken or a fault was never tried.
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

/** At most this many broken seeds are reduced: further ones rarely show more. */
const maxShrunk = 3;

async function simulate(): Promise<boolean> {
  let printedAtSeconds = 0;
  const progress = ({ done, seconds, broken }: Found): void => {
    if (seconds - printedAtSeconds < 10) return;
    printedAtSeconds = seconds;
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
  for (const one of broken.slice(0, maxShrunk)) await printBroken(one);
  for (const { seed, invariant, what } of broken.slice(maxShrunk, 20))
    console.log(`\n${invariant}: ${what} (SEED=${seed})`);
  return broken.length === 0 && missed.length === 0;
}

async function printBroken({ seed, invariant, what }: BrokenSeed): Promise<void> {
  console.log(`\n${invariant}: ${what}`);
  console.log(`  make simulate SEED=${spell(await shrink({ seed }))}`);
}

async function replay(text: string): Promise<boolean> {
  const { events, violation } = await runSchedule(unspell(text), { record: true });
  console.log(events?.join('\n'));
  console.log(violation ? `\n${violation.invariant}: ${violation.what}` : '\nno promise was broken');
  return violation === undefined;
}

process.exitCode = (await (values.seed === '' ? simulate() : replay(values.seed))) ? 0 : 1;
