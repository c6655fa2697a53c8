// One core's share of the fuzzing: runs targets as they are named, and tells how many inputs each was given, or the input,
// as small as it can be made, at which it broke.
import { parentPort } from 'node:worker_threads';
import { fuzzTargets } from './targets.js';

export interface Task {
  readonly name: string;
  readonly timeMs: number;
}

export type Outcome =
  | { readonly tried: number; readonly broke?: undefined }
  /** With seed, path and counterexample. */
  | { readonly broke: string };

function outcomeOf({ name, timeMs }: Task): Outcome {
  try {
    const target = fuzzTargets.find((each) => each.name === name);
    if (target === undefined) throw new Error(`there is no target ${name}`);
    return { tried: target.run(timeMs) };
  } catch (cause) {
    return { broke: cause instanceof Error ? cause.message : String(cause) };
  }
}

parentPort?.on('message', (task: Task) => {
  parentPort?.postMessage(outcomeOf(task));
});
