// A histogram of latencies with fixed buckets, so that it never grows. Each bucket is 10 % wider than the one before,
// from 0.1 ms to more than a minute: a quantile is exact to 10 %.

const smallestMs = 0.1;
const growth = 1.1;
const bucketCount = 144;

/** A count per bucket; all counts are halved when there are `maxSamples`, so that recent calls weigh more. */
export interface LatencyHistogram {
  readonly counts: Uint32Array;
  total: number;
}

/** More than the longest window usually has: with fewer, many calls would shorten that window. */
const maxSamples = 1_000_000;

export const newHistogram = (): LatencyHistogram => ({ counts: new Uint32Array(bucketCount), total: 0 });

/** Counts a duration. One below the smallest bucket counts there; NaN is not counted. */
export function addSample(histogram: LatencyHistogram, durationMs: number): void {
  if (Number.isNaN(durationMs)) return;
  const bucket = Math.ceil(Math.log(Math.max(durationMs, smallestMs) / smallestMs) / Math.log(growth));
  const at = Math.min(bucket, bucketCount - 1);
  histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
  histogram.total += 1;
  if (histogram.total >= maxSamples) halve(histogram);
}

/**
 * The upper end, in milliseconds, of the bucket that contains the quantile `share` (0 to 1); undefined without
 * samples.
 */
export function quantile({ counts, total }: LatencyHistogram, share: number): number | undefined {
  if (total === 0) return undefined;
  const wanted = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  const at = counts.findIndex((count) => (seen += count) >= wanted);
  return smallestMs * growth ** at;
}

/** A new histogram with the samples of both. */
export const merge = (one: LatencyHistogram, other: LatencyHistogram): LatencyHistogram => ({
  counts: one.counts.map((count, at) => count + (other.counts[at] ?? 0)),
  total: one.total + other.total,
});

function halve(histogram: LatencyHistogram): void {
  histogram.total = 0;
  histogram.counts.forEach((count, at) => {
    histogram.counts[at] = count >> 1;
    histogram.total += count >> 1;
  });
}
