// How many keys one caller may have made: a token bucket against bursts, and a number for each day (UTC) against slow
// floods. Each new key costs calls to every region, for ever. Pure: time comes with the question.

export interface CreationLimits {
  /** How fast the bucket fills again, in keys per second. */
  readonly perSecond: number;
  /** How many keys a full bucket holds. */
  readonly burst: number;
  readonly perDay: number;
}

/** Against whoever makes keys to make costs: enough for an application that makes keys as its customers come. */
export const defaultCreationLimits: CreationLimits = { perSecond: 1, burst: 10, perDay: 1_000 };

/** What a caller has left. */
export interface CreationQuota {
  /** Keys in the bucket; may be a fraction. */
  readonly left: number;
  /** Monotonic time at which `left` was true. */
  readonly filledMs: number;
  /** Days since 1970, and how many keys were made on that day. */
  readonly day: number;
  readonly madeToday: number;
}

/** Both times of one moment: for durations, and for the day. */
export interface Moment {
  readonly monotonicMs: number;
  readonly nowMs: number;
}

/** `retryAfterMs` is 0 when one key was taken off the quota, else how long until there is room for one. */
export interface Taken {
  readonly quota: CreationQuota;
  readonly retryAfterMs: number;
}

const dayMs = 86_400_000;
/** Sums of fractions are not exact: whoever waited as told must not be a billionth of a key short. */
const rounding = 1e-9;

/** Takes one key off `before`; a caller without a quota yet begins with a full one. A refusal costs nothing. */
export function takeOne(limits: CreationLimits, before: CreationQuota | undefined, at: Moment): Taken {
  const quota = before === undefined ? fullQuota(limits, at) : refilled(limits, before, at);
  if (quota.madeToday >= limits.perDay) {
    return { quota, retryAfterMs: (quota.day + 1) * dayMs - at.nowMs };
  }
  if (quota.left < 1 - rounding) {
    const missing = 1 - rounding - quota.left;
    return { quota, retryAfterMs: Math.ceil((missing / limits.perSecond) * 1_000) };
  }
  return { quota: { ...quota, left: quota.left - 1, madeToday: quota.madeToday + 1 }, retryAfterMs: 0 };
}

const fullQuota = ({ burst }: CreationLimits, { monotonicMs, nowMs }: Moment): CreationQuota => ({
  left: burst,
  filledMs: monotonicMs,
  day: Math.floor(nowMs / dayMs),
  madeToday: 0,
});

/** A wall clock that goes back does not begin another day. */
function refilled(
  { perSecond, burst }: CreationLimits,
  { left, filledMs, day, madeToday }: CreationQuota,
  { monotonicMs, nowMs }: Moment,
): CreationQuota {
  const today = Math.max(day, Math.floor(nowMs / dayMs));
  return {
    left: Math.min(burst, left + ((monotonicMs - filledMs) / 1_000) * perSecond),
    filledMs: monotonicMs,
    day: today,
    madeToday: today > day ? 0 : madeToday,
  };
}
