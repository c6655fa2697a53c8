// How the calls to one region ended of late, in bounded memory: enough to say when too many of them failed.

/** How calls ended of late: in a row, and per second of the last ten, the oldest first. */
export interface CallRecord {
  readonly consecutiveFailures: number;
  readonly seconds: readonly { readonly second: number; readonly good: number; readonly bad: number }[];
}

export const noCalls: CallRecord = { consecutiveFailures: 0, seconds: [] };

/** When the circuit opens. */
export interface FailureLimits {
  /** So many failures in a row; or `failureRatio` of the calls in 10 s, once there are `minCalls` of them. */
  readonly consecutiveFailures: number;
  readonly failureRatio: number;
  readonly minCalls: number;
}

const recordedSeconds = 10;

/** The record with one more call. */
export function counted(
  { consecutiveFailures, seconds }: CallRecord,
  atMs: number,
  isGood: boolean,
): CallRecord {
  const second = Math.floor(atMs / 1_000);
  const kept = seconds.filter((each) => each.second > second - recordedSeconds && each.second !== second);
  const current = seconds.find((each) => each.second === second) ?? { second, good: 0, bad: 0 };
  const next = isGood ? { ...current, good: current.good + 1 } : { ...current, bad: current.bad + 1 };
  return { consecutiveFailures: isGood ? 0 : consecutiveFailures + 1, seconds: [...kept, next] };
}

/** Whether the circuit should open. */
export function isTooMuch(settings: FailureLimits, { consecutiveFailures, seconds }: CallRecord): boolean {
  const bad = seconds.reduce((sum, each) => sum + each.bad, 0);
  const all = seconds.reduce((sum, each) => sum + each.bad + each.good, 0);
  const tooOften = all >= settings.minCalls && bad / all >= settings.failureRatio;
  return tooOften || consecutiveFailures >= settings.consecutiveFailures;
}
