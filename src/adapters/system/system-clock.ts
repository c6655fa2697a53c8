// The real clock: wall time, monotonic time, event loop idle time, timers and random numbers. Tests use a manual clock.
import type { Clock } from '../../ports/clock.js';

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  idleMs: () => performance.eventLoopUtilization().idle,
  random: () => Math.random(),
  schedule: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
