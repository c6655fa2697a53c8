// How many calls a throttling region may have under way: less by three tenths whenever it throttles, one more each second
// that it does not, and after ten of those a quarter more each second, so that a region that throttles no more has its whole
// traffic back within half a minute, and one that goes on throttling is not pushed all the time. Being over quota is not a failure; the calls go elsewhere. A burst that is throttled as a whole says one
// thing and cuts once: only calls that began after a cut can tell that it was not enough. The limit may fall to none for a
// second: a refusal comes at once, so a single place would be taken and refused hundreds of times in it.

export interface ThrottleLimit {
  /** The most calls that may be under way at once; Infinity for a region that never throttled, or not for long. */
  readonly limit: number;
  readonly grownMs: number;
  /** When it was last made less. */
  readonly cutMs: number;
}

/** A call that was throttled: when it began and ended, and how many were then under way, itself among them. */
export interface ThrottledCall {
  readonly beganMs: number;
  readonly atMs: number;
  readonly underWay: number;
}

export const noThrottleLimit: ThrottleLimit = { limit: Infinity, grownMs: 0, cutMs: -Infinity };

const throttleFactor = 0.7;
const growsEveryMs = 1_000;
const carefulMs = 10_000;
/** A limit this high limits nothing any more. */
const forgottenAt = 256;

export function afterThrottle(
  quota: ThrottleLimit,
  { beganMs, atMs, underWay }: ThrottledCall,
): ThrottleLimit {
  if (beganMs < quota.cutMs) return quota;
  const before = Math.min(quota.limit, Math.max(underWay, 1));
  return { limit: Math.floor(before * throttleFactor), grownMs: atMs, cutMs: atMs };
}

export function increased(quota: ThrottleLimit, atMs: number): ThrottleLimit {
  if (quota.limit === Infinity || atMs - quota.grownMs < growsEveryMs) return quota;
  const grownMs = quota.grownMs + growsEveryMs;
  const isCareful = grownMs - quota.cutMs <= carefulMs;
  const limit = quota.limit + (isCareful ? 1 : Math.max(1, Math.floor(quota.limit / 4)));
  return limit >= forgottenAt ? noThrottleLimit : increased({ ...quota, limit, grownMs }, atMs);
}
