// Decides whether wrong answers are the fault of single ciphertexts or of the region: a few ids may have damaged
// copies, many ids mean that the region is at fault. Never decides what happens to the region then.

/** Ids that the region opened to a wrong key, and ids whose ciphertext it recently rejected; each id once. */
export interface IntegrityFaults {
  readonly mismatched: readonly string[];
  readonly rejected: readonly { readonly id: string; readonly atMs: number }[];
}

/** How many ids make it the region's fault: with a wrong key at any time, or rejected within `rejectedWindowMs`. */
export interface IntegrityLimits {
  readonly mismatchedIds: number;
  readonly rejectedIds: number;
  readonly rejectedWindowMs: number;
}

export const noIntegrityFaults: IntegrityFaults = { mismatched: [], rejected: [] };

/** The faults known now, and whether they are the region's. */
export interface IntegrityVerdict {
  readonly faults: IntegrityFaults;
  readonly isRegionFault: boolean;
}

/** Counts an id once. Without an id, as for a canary, each wrong answer counts. */
export function mismatched(
  { mismatchedIds }: IntegrityLimits,
  faults: IntegrityFaults,
  id = `canary ${faults.mismatched.length}`,
): IntegrityVerdict {
  const known = faults.mismatched;
  if (known.includes(id)) return { faults, isRegionFault: false };
  const ids = [...known, id];
  return { faults: { ...faults, mismatched: ids }, isRegionFault: ids.length >= mismatchedIds };
}

/**
 * Counts an id once within the window. When the limit is reached, the rejected ids are forgotten and counting starts
 * again.
 */
export function rejected(
  { rejectedIds, rejectedWindowMs }: IntegrityLimits,
  faults: IntegrityFaults,
  { id, atMs }: IntegrityFaults['rejected'][number],
): IntegrityVerdict {
  const others = faults.rejected.filter((each) => each.id !== id && atMs - each.atMs < rejectedWindowMs);
  const isRegionFault = others.length + 1 >= rejectedIds;
  return { faults: { ...faults, rejected: isRegionFault ? [] : [...others, { id, atMs }] }, isRegionFault };
}
