// How long a region takes to answer: a histogram with fixed buckets, so that memory stays the same whatever happens. The
// buckets grow by a tenth each, from 0.1 ms to beyond a minute: a quantile is right to within 10 %.

const smallestMs = 0.1;
const growth = 1.1;
const bucketCount = 144;

/** A count per bucket; half of it is forgotten whenever it is full, so that it follows the last calls. */
export interface LatencyHistogram {
  readonly counts: Uint32Array;
  total: number;
}

/** More than the longest window usually sees: forgetting sooner would make that window shorter where calls are many. */
const mostSamples = 1_000_000;

export const newHistogram = (): LatencyHistogram => ({ counts: new Uint32Array(bucketCount), total: 0 });

/** Counts a duration; below the smallest bucket it belongs to that, and what is no number is not counted. */
export function addSample(histogram: LatencyHistogram, durationMs: number): void {
  if (Number.isNaN(durationMs)) return;
  const bucket = Math.ceil(Math.log(Math.max(durationMs, smallestMs) / smallestMs) / Math.log(growth));
  const at = Math.min(bucket, bucketCount - 1);
  histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
  histogram.total += 1;
  if (histogram.total >= mostSamples) halve(histogram);
}

/** The upper end of the bucket in which the share `share` (0 to 1) of the samples is reached; undefined without samples. */
export function quantile({ counts, total }: LatencyHistogram, share: number): number | undefined {
  if (total === 0) return undefined;
  const wanted = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  const at = counts.findIndex((count) => (seen += count) >= wanted);
  return smallestMs * growth ** at;
}

/** The samples of both; neither is changed. */
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
