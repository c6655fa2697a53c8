// Whose fault is a ciphertext that a region does not open to the right key? Of a few ids it is the ciphertexts'; of many, the
// region's.

/** The ids of late, each once: those that came out wrong, and those that were rejected. */
export interface IntegrityFaults {
  readonly mismatched: readonly string[];
  readonly rejected: readonly { readonly id: string; readonly atMs: number }[];
}

/** So many ids answered with a wrong key accuse the region; so many rejected ones, if within `rejectedWindowMs`. */
export interface IntegrityLimits {
  readonly mismatchedIds: number;
  readonly rejectedIds: number;
  readonly rejectedWindowMs: number;
}

export const noIntegrityFaults: IntegrityFaults = { mismatched: [], rejected: [] };

/** What is suspected now, and whether it is enough to accuse the region. */
export interface IntegrityVerdict {
  readonly suspicions: IntegrityFaults;
  readonly isRegions: boolean;
}

/** An id that is known adds nothing. Without one, as of a canary, each wrong answer counts. */
export function mismatched(
  { mismatchedIds }: IntegrityLimits,
  suspicions: IntegrityFaults,
  id = `canary ${suspicions.mismatched.length}`,
): IntegrityVerdict {
  const known = suspicions.mismatched;
  if (known.includes(id)) return { suspicions, isRegions: false };
  const ids = [...known, id];
  return { suspicions: { ...suspicions, mismatched: ids }, isRegions: ids.length >= mismatchedIds };
}

/** Once the region is accused, what was rejected is forgotten. */
export function rejected(
  { rejectedIds, rejectedWindowMs }: IntegrityLimits,
  suspicions: IntegrityFaults,
  { id, atMs }: IntegrityFaults['rejected'][number],
): IntegrityVerdict {
  const others = suspicions.rejected.filter((each) => each.id !== id && atMs - each.atMs < rejectedWindowMs);
  const isRegions = others.length + 1 >= rejectedIds;
  return { suspicions: { ...suspicions, rejected: isRegions ? [] : [...others, { id, atMs }] }, isRegions };
}
