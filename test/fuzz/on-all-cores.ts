// Runs targets in threads, so that each has its time although the test run has not as much for all of them.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { compileSources } from '../support/compiled-sources.js';
import type { Outcome, Task } from './worker.js';

/** The sources of these folders, as the compiler wants them named. */
const sourcesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test|\.d)\.ts$/.test(name))
    .map((name) => join(folder, name));

/** Begins all of them, `jobs` at a time; each promise tells of one. */
export function onAllCores(
  names: readonly string[],
  { timeMs, jobs }: { readonly timeMs: number; readonly jobs: number },
): { readonly outcomes: ReadonlyMap<string, Promise<Outcome>>; readonly done: Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-fuzz-'));
  compileSources(folder, ...['src/infrastructure', 'test/support', 'test/fuzz'].flatMap(sourcesIn));
  const waiting = names.map((name) => ({ name, ...Promise.withResolvers<Outcome>() }));
  const outcomes = new Map(waiting.map(({ name, promise }) => [name, promise]));
  const work = async (): Promise<void> => {
    const worker = new Worker(pathToFileURL(join(folder, 'test/fuzz/worker.js')));
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const task: Task = { name: next.name, timeMs };
      worker.postMessage(task);
      // A thread that dies takes its target for broken, and the rest with it.
      const [outcome] = (await once(worker, 'message').catch((cause: unknown) => {
        for (const { resolve } of [next, ...waiting.splice(0)]) resolve({ broke: String(cause) });
        return [undefined];
      })) as [Outcome | undefined];
      if (outcome !== undefined) next.resolve(outcome);
    }
    await worker.terminate();
  };
  const done = Promise.all(Array.from({ length: jobs }, work)).finally(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return { outcomes, done: done.then(() => undefined) };
}
