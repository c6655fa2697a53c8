// Quantiles of answer times, as right as promised and in memory that does not grow.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addSample,
  newHistogram,
  quantile,
  merge,
  type LatencyHistogram,
} from '../../../src/domain/regions/latency-histogram.js';

const shares = [0.5, 0.95, 0.999, 1] as const;

const histogramOf = (samples: Iterable<number>): LatencyHistogram => {
  const histogram = newHistogram();
  for (const sample of samples) addSample(histogram, sample);
  return histogram;
};

const exactQuantile = (samples: readonly number[], share: number): number | undefined =>
  samples.toSorted((one, other) => one - other)[Math.max(1, Math.ceil(samples.length * share)) - 1];

/** From the exact value up to a tenth more, but for what floating point leaves over. */
const isRight = (estimate: number | undefined, exact: number | undefined): boolean =>
  estimate !== undefined &&
  exact !== undefined &&
  estimate >= exact * (1 - 1e-9) &&
  estimate <= exact * 1.1 * (1 + 1e-9);

describe('a quantile of latencies', () => {
  it('is unknown without samples', () => {
    expect(quantile(newHistogram(), 0.5)).toBeUndefined();
  });

  it('is at most a tenth above the exact one and never below it', () => {
    const oneScale = fc.array(fc.double({ min: 0.1, max: 80_000, noNaN: true }), { minLength: 1 });
    const manyScales = fc.array(
      fc.double({ min: -1, max: 4.9, noNaN: true }).map((exponent) => 10 ** exponent),
      { minLength: 1, maxLength: 2_000 },
    );
    fc.assert(
      fc.property(fc.oneof(oneScale, manyScales), fc.constantFrom(...shares), (samples, share) => {
        expect(isRight(quantile(histogramOf(samples), share), exactQuantile(samples, share))).toBe(true);
      }),
    );
  });

  it('of the share 0 is the smallest', () => {
    expect(isRight(quantile(histogramOf([5, 500]), 0), 5)).toBe(true);
  });

  it('distinguishes one slow answer in a thousand from none', () => {
    const usual = Array.from({ length: 999 }, () => 10);
    expect(isRight(quantile(histogramOf([...usual, 900]), 0.999), 10)).toBe(true);
    expect(isRight(quantile(histogramOf([...usual.slice(1), 900, 900]), 0.999), 900)).toBe(true);
  });

  it.each([
    [0.1, 0],
    [0.1, -5],
    [0.1, -Infinity],
    [0.1, 0.1],
  ])('is %d for a sample of %d', (expected, sample) => {
    expect(quantile(histogramOf([sample]), 0.5)).toBeCloseTo(expected);
  });

  it('is right up to more than a minute', () => {
    expect(isRight(quantile(histogramOf([60_000]), 0.5), 60_000)).toBe(true);
    expect(isRight(quantile(histogramOf([80_000]), 0.5), 80_000)).toBe(true);
  });

  it.each([100_000, 86_400_000, Infinity])('of %d ms is the largest there is', (sample) => {
    expect(quantile(histogramOf([sample]), 0.5)).toBeCloseTo(83_020, -2);
  });

  it('knows nothing of a sample that is no number', () => {
    expect(quantile(histogramOf([NaN]), 0.5)).toBeUndefined();
    expect(isRight(quantile(histogramOf([NaN, NaN, NaN, 20]), 1), 20)).toBe(true);
  });
});

describe('a histogram', () => {
  /** The same spread of 1 to 100 ms whatever `count` is, in no particular order. */
  function* spread(count: number): Generator<number> {
    for (let at = 0; at < count; at += 1) yield 1 + ((at * 61) % 100);
  }

  /** As if every sample had been added so many times. */
  const repeated = ({ counts, total }: LatencyHistogram, times: number): LatencyHistogram => ({
    counts: counts.map((count) => count * times),
    total: total * times,
  });
  const countsOf = ({ counts }: LatencyHistogram): number => counts.reduce((sum, count) => sum + count, 0);

  it('stays as small as it was, and does not count beyond a million', () => {
    const histogram = repeated(histogramOf(spread(10_000)), 99);
    for (const sample of spread(9_999)) addSample(histogram, sample);
    expect(histogram.total).toBe(999_999);
    addSample(histogram, 50);
    expect(histogram.total).toBeLessThanOrEqual(500_000);
    expect(histogram.total).toBeGreaterThan(499_900);
    expect(histogram.total).toBe(countsOf(histogram));
    expect(histogram.counts.length).toBe(newHistogram().counts.length);
  });

  it('says about the same after it has forgotten half', () => {
    const spreads = fc.array(fc.double({ min: 0.1, max: 10_000, noNaN: true }), {
      minLength: 1_000,
      maxLength: 1_000,
    });
    fc.assert(
      fc.property(spreads, fc.constantFrom(...shares), (samples, share) => {
        const full = repeated(histogramOf(samples), 999);
        for (const sample of samples) addSample(full, sample);
        expect(full.total).toBeLessThanOrEqual(500_000);
        expect(quantile(full, share)).toBe(quantile(histogramOf(samples), share));
      }),
      { numRuns: 20 },
    );
  });

  it('follows what is new when it is full', () => {
    const histogram = repeated(histogramOf(spread(10_000)), 99);
    for (let at = 0; at < 600_000; at += 1) addSample(histogram, 700);
    expect(isRight(quantile(histogram, 0.5), 700)).toBe(true);
  });

  it('has, together with another, the samples of both', () => {
    const samples = fc.array(fc.double({ min: 0.1, max: 10_000, noNaN: true }));
    fc.assert(
      fc.property(samples, samples, (some, others) => {
        const [one, other] = [histogramOf(some), histogramOf(others)];
        expect(merge(one, other)).toEqual(histogramOf([...some, ...others]));
        expect([one, other]).toEqual([histogramOf(some), histogramOf(others)]);
      }),
    );
  });
});
