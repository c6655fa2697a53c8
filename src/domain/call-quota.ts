// How many calls a throttling region may have under way: less by three tenths whenever it throttles, one more each second
// that it does not. Being over quota is not a failure; the calls go elsewhere. The limit may fall to none for a second: a
// refusal comes at once, so a single place would be taken and refused hundreds of times in it.

export interface CallQuota {
  /** The most calls that may be under way at once; Infinity for a region that never throttled, or not for long. */
  readonly limit: number;
  readonly grownMs: number;
}

export const noQuota: CallQuota = { limit: Infinity, grownMs: 0 };

const afterThrottle = 0.7;
const growsEveryMs = 1_000;
/** A limit this high limits nothing any more. */
const forgottenAt = 256;

export function throttled({ limit }: CallQuota, underWay: number, atMs: number): CallQuota {
  const before = Math.min(limit, Math.max(underWay, 1));
  return { limit: Math.floor(before * afterThrottle), grownMs: atMs };
}

export function grown(quota: CallQuota, atMs: number): CallQuota {
  const steps = Math.floor((atMs - quota.grownMs) / growsEveryMs);
  if (quota.limit === Infinity || steps < 1) return quota;
  const limit = quota.limit + steps;
  return limit >= forgottenAt ? noQuota : { limit, grownMs: quota.grownMs + steps * growsEveryMs };
}
