// Waiting in the clock's own time, for as long as somebody waits for what comes after.
import type { Clock } from '../../ports/clock.js';

/** Resolves after `pauseMs`, or as soon as the signal fires. */
export function pause(clock: Clock, pauseMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const goOn = (): void => {
      cancel();
      signal.removeEventListener('abort', goOn);
      resolve();
    };
    const cancel = clock.schedule(pauseMs, goOn);
    signal.addEventListener('abort', goOn);
    if (signal.aborted) goOn();
  });
}
