// One core's share of a run: runs ranges of seeds and reports the broken promises and the faults that occurred.
import { parentPort } from 'node:worker_threads';
import type { Invariant } from './history.js';
import { addCoverage, type Coverage } from './faults.js';
import { runSchedule } from './run-schedule.js';

export interface SeedRange {
  readonly from: number;
  readonly count: number;
}

export interface BrokenSeed {
  readonly seed: number;
  readonly invariant: Invariant;
  readonly what: string;
}

export interface Report {
  readonly done: number;
  readonly coverage: Coverage;
  readonly broken: readonly BrokenSeed[];
  readonly released: number;
}

async function runRange({ from, count }: SeedRange): Promise<Report> {
  const coverage: Coverage = new Map();
  const broken: BrokenSeed[] = [];
  let released = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await runSchedule({ seed });
    addCoverage(coverage, outcome.coverage);
    released += outcome.counts.released;
    const { violation } = outcome;
    if (violation) broken.push({ seed, invariant: violation.invariant, what: violation.what });
  }
  return { done: count, coverage, broken, released };
}

parentPort?.on('message', (range: SeedRange) => {
  void runRange(range).then((report) => parentPort?.postMessage(report));
});
