// Whose fault is a ciphertext that a region does not open to the right key? Of a few ids it is the ciphertexts'; of many, the
// region's.

/** The ids of late, each once: those that came out wrong, and those that were rejected. */
export interface Suspicions {
  readonly mismatched: readonly string[];
  readonly rejected: readonly { readonly id: string; readonly atMs: number }[];
}

/** So many ids answered with a wrong key accuse the region; so many rejected ones, if within `rejectedWindowMs`. */
export interface SuspicionLimits {
  readonly mismatchedIds: number;
  readonly rejectedIds: number;
  readonly rejectedWindowMs: number;
}

export const noSuspicions: Suspicions = { mismatched: [], rejected: [] };

/** What is suspected now, and whether it is enough to accuse the region. */
export interface Suspected {
  readonly suspicions: Suspicions;
  readonly isRegions: boolean;
}

/** An id that is known adds nothing. Without one, as of a canary, each wrong answer counts. */
export function mismatched(
  { mismatchedIds }: SuspicionLimits,
  suspicions: Suspicions,
  id = `canary ${suspicions.mismatched.length}`,
): Suspected {
  const known = suspicions.mismatched;
  if (known.includes(id)) return { suspicions, isRegions: false };
  const ids = [...known, id];
  return { suspicions: { ...suspicions, mismatched: ids }, isRegions: ids.length >= mismatchedIds };
}

/** Once the region is accused, what was rejected is forgotten. */
export function rejected(
  { rejectedIds, rejectedWindowMs }: SuspicionLimits,
  suspicions: Suspicions,
  { id, atMs }: Suspicions['rejected'][number],
): Suspected {
  const others = suspicions.rejected.filter((each) => each.id !== id && atMs - each.atMs < rejectedWindowMs);
  const isRegions = others.length + 1 >= rejectedIds;
  return { suspicions: { ...suspicions, rejected: isRegions ? [] : [...others, { id, atMs }] }, isRegions };
}
