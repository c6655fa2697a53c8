// A timer that judges others by their silence, and blames nobody for time in which this process did not look: while it was
// busy, or not running at all, what it waits for may have come. Such time is given once more.

/** What a fair timer needs of a clock; milliseconds. */
export interface StallAwareClock {
  /** Since some moment; never goes back. For durations. */
  monotonicMs(): number;
  /** How long this process has waited with nothing to do, since some moment; never goes back. */
  idleMs(): number;
  /** Calls `fire` once after `delayMs`, unless the returned function is called before. */
  schedule(delayMs: number, fire: () => void): () => void;
}

/** Timers are never exact; later than this (ms) means that something kept the process from looking. */
const toleratedLatenessMs = 10;
/**
 * Busy for more of the wait than this, it hardly looked. Fifty connections over TLS at once keep it busy for nine tenths of 150 ms
 * and more; a steady load of three quarters of what it can do is no burst.
 */
const toleratedBusyShare = 0.75;
/** One that is always busy gives up in the end. */
const maxExtensions = 2;

/** Calls `fire` once, after `delayMs` in which an answer would have been noticed, unless the returned function is called before. */
export function scheduleStallAware(time: StallAwareClock, delayMs: number, fire: () => void): () => void {
  let cancel = (): void => undefined;
  const wait = (plannedMs: number, extensions: number): void => {
    const [startMs, idleMs] = [time.monotonicMs(), time.idleMs()];
    cancel = time.schedule(plannedMs, () => {
      const tookMs = time.monotonicMs() - startMs;
      const moreMs = stalledMs(plannedMs, tookMs, time.idleMs() - idleMs);
      if (moreMs === 0 || extensions === 0) fire();
      else wait(Math.min(moreMs, plannedMs), extensions - 1);
    });
  };
  wait(delayMs, maxExtensions);
  return () => {
    cancel();
  };
}

function stalledMs(plannedMs: number, tookMs: number, idleMs: number): number {
  const lateMs = tookMs - plannedMs;
  const busyMs = tookMs - idleMs;
  return Math.max(
    lateMs > toleratedLatenessMs ? lateMs : 0,
    busyMs > toleratedBusyShare * tookMs ? busyMs : 0,
  );
}
