// Counts how recent calls to one region ended, in bounded memory, and decides when too many of them failed. Never
// decides what a failure means: callers count only failures of the region itself.

/** Failures since the last success, and counts for each of the last ten seconds that had a call, the oldest first. */
export interface CallRecord {
  readonly consecutiveFailures: number;
  readonly seconds: readonly {
    readonly second: number;
    readonly successes: number;
    readonly failures: number;
  }[];
}

export const noCalls: CallRecord = { consecutiveFailures: 0, seconds: [] };

/** When the circuit opens: whichever limit is reached first. */
export interface FailureLimits {
  /** This many failures in a row. */
  readonly consecutiveFailures: number;
  /** This share (0 to 1) of the calls in the last 10 s, provided there were at least `minCalls`. */
  readonly failureRatio: number;
  readonly minCalls: number;
}

const recordedSeconds = 10;

/** The record with one more call. Seconds that left the window are dropped. */
export function counted(
  { consecutiveFailures, seconds }: CallRecord,
  atMs: number,
  isSuccess: boolean,
): CallRecord {
  const second = Math.floor(atMs / 1_000);
  const kept = seconds.filter((each) => each.second > second - recordedSeconds && each.second !== second);
  const current = seconds.find((each) => each.second === second) ?? { second, successes: 0, failures: 0 };
  const next = isSuccess
    ? { ...current, successes: current.successes + 1 }
    : { ...current, failures: current.failures + 1 };
  return { consecutiveFailures: isSuccess ? 0 : consecutiveFailures + 1, seconds: [...kept, next] };
}

/** Whether the circuit must open. */
export function exceedsLimits(
  settings: FailureLimits,
  { consecutiveFailures, seconds }: CallRecord,
): boolean {
  const failures = seconds.reduce((sum, each) => sum + each.failures, 0);
  const all = seconds.reduce((sum, each) => sum + each.failures + each.successes, 0);
  const tooManyFail = all >= settings.minCalls && failures / all >= settings.failureRatio;
  return tooManyFail || consecutiveFailures >= settings.consecutiveFailures;
}
