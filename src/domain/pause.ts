// A pause between two tries that ends early when nothing waits for the next one any more.
import type { StallAwareClock } from './stall-aware-timer.js';

/** Resolves after `pauseMs`, or as soon as the signal fires. */
export function pause(
  clock: Pick<StallAwareClock, 'schedule'>,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.schedule(pauseMs, end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
