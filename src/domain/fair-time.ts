// How a timer that judges others by their silence treats its own delay: when it fires late, this process was busy, and what it
// waits for may have come without being looked at.

/** Timers are never exact; later than this (ms) means that something kept the process from looking. */
const usualLatenessMs = 10;

/** How much longer (ms) to wait when a timer of `delayMs` fired `lateMs` late: as long as was lost, `delayMs` at most. */
export const owedMs = (lateMs: number, delayMs: number): number =>
  lateMs <= usualLatenessMs ? 0 : Math.min(lateMs, delayMs);
