// A timer for time-outs that ignores time during which the event loop was blocked or the process did not run: in that
// time an answer may have come without being noticed. The timer is extended by it, so that a stall of this process is
// never taken for a failure of a region.

/** What the timer needs of a clock. All times are in milliseconds. */
export interface StallAwareClock {
  /** Since some moment; never goes back. For durations. */
  monotonicMs(): number;
  /** How long this process has waited with nothing to do, since some moment; never goes back. */
  idleMs(): number;
  /** Calls `fire` once after `delayMs`, unless the returned function is called before. */
  schedule(delayMs: number, fire: () => void): () => void;
}

/** Timers are not exact. One that fires later than this (ms) means that the event loop was blocked. */
const toleratedLatenessMs = 10;
/**
 * Above this share of busy time, the event loop was in effect blocked. Measured: fifty TLS handshakes at once keep it
 * busy for 90 % of 150 ms. A steady load of 75 % is not a burst.
 */
const toleratedBusyShare = 0.75;
/** A process that is always busy must time out in the end. */
const maxExtensions = 2;

/** Calls `fire` once, after `delayMs` without stalls, unless the returned function is called before. */
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
