// Runs many seeds on several cores until all are done, one breaks a promise, or time is up. The only part of the simulation
// that reads a real clock.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { addCoverage, type Coverage } from './faults.js';
import type { BrokenSeed, Report, SeedRange } from './worker.js';

export interface Hunt {
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
  /** Time limit for the whole run. */
  readonly maxSeconds?: number;
  /** Whether to stop at the first broken seeds. */
  readonly endsWhenBroken: boolean;
  readonly progress?: (found: Found) => void;
}

export interface Found {
  readonly done: number;
  readonly seconds: number;
  readonly released: number;
  readonly coverage: Coverage;
  readonly broken: readonly BrokenSeed[];
}

const seedsAtOnce = 100;

export async function hunt({
  from,
  seeds,
  jobs,
  maxSeconds,
  endsWhenBroken,
  progress,
}: Hunt): Promise<Found> {
  const startedMs = performance.now();
  const coverage: Coverage = new Map();
  const broken: BrokenSeed[] = [];
  let [next, done, released] = [from, 0, 0];
  const found = (): Found => ({
    done,
    seconds: (performance.now() - startedMs) / 1_000,
    released,
    coverage,
    broken,
  });
  const isOver = (): boolean =>
    next >= from + seeds ||
    (endsWhenBroken && broken.length > 0) ||
    (maxSeconds !== undefined && found().seconds >= maxSeconds);
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    while (!isOver()) {
      const range: SeedRange = { from: next, count: Math.min(seedsAtOnce, from + seeds - next) };
      next += range.count;
      worker.postMessage(range);
      const [report] = (await once(worker, 'message')) as [Report];
      done += report.done;
      released += report.released;
      addCoverage(coverage, report.coverage);
      broken.push(...report.broken);
      progress?.(found());
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return found();
}
