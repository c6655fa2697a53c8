// How many calls a throttling region may have in flight: 30 % fewer each time it throttles; one more for each second
// without throttling, and after ten of those 25 % more per second. So a region that stops throttling has its full
// traffic back within 30 s, and one that keeps throttling is not overloaded. Being over the limit is not a failure:
// the calls go to other regions.
//
// A burst that is throttled as a whole reduces the limit once: only calls that began after the reduction can show
// that it was not enough. The limit may be 0 for a second, because a refusal comes at once, and a limit of 1 would
// mean hundreds of refused calls in that time.

export interface ThrottleLimit {
  /** How many calls may be in flight; Infinity when the region has not throttled recently. */
  readonly limit: number;
  /** When it was last increased, or reduced. */
  readonly increasedMs: number;
  /** When it was last reduced. */
  readonly reducedMs: number;
}

/** A throttled call: when it began and ended, and how many calls were in flight then, including itself. */
export interface ThrottledCall {
  readonly beganMs: number;
  readonly atMs: number;
  readonly inFlight: number;
}

export const noThrottleLimit: ThrottleLimit = { limit: Infinity, increasedMs: 0, reducedMs: -Infinity };

const throttleFactor = 0.7;
const increaseEveryMs = 1_000;
const slowIncreaseMs = 10_000;
/** From this limit on there is no limit. */
const unlimitedFrom = 256;

/** The limit after a throttled call. */
export function afterThrottle(
  current: ThrottleLimit,
  { beganMs, atMs, inFlight }: ThrottledCall,
): ThrottleLimit {
  if (beganMs < current.reducedMs) return current;
  const before = Math.min(current.limit, Math.max(inFlight, 1));
  return { limit: Math.floor(before * throttleFactor), increasedMs: atMs, reducedMs: atMs };
}

/** The limit at `atMs`, with the increases for the seconds that passed. */
export function increased(current: ThrottleLimit, atMs: number): ThrottleLimit {
  if (current.limit === Infinity || atMs - current.increasedMs < increaseEveryMs) return current;
  const increasedMs = current.increasedMs + increaseEveryMs;
  const isSlow = increasedMs - current.reducedMs <= slowIncreaseMs;
  const limit = current.limit + (isSlow ? 1 : Math.max(1, Math.floor(current.limit / 4)));
  return limit >= unlimitedFrom ? noThrottleLimit : increased({ ...current, limit, increasedMs }, atMs);
}
