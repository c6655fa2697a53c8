// Waiting for something to come true, without a guess at how long it takes.
import { setTimeout as pause } from 'node:timers/promises';

const patienceMs = 25_000;
const pauseMs = 2;

/** Resolves once `condition` holds; fails when it does not within `patience`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  patience: number = patienceMs,
): Promise<void> {
  const deadline = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`waited ${patience} ms in vain for ${String(condition)}`);
    await pause(pauseMs);
  }
}
