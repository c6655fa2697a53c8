// What the latencies of one region say: how long to wait for it, when to send a hedge, and whether it has become slow.
// Measures only real calls, in bounded memory. Never says anything about failures.
import { addSample, newHistogram, quantile, merge, type LatencyHistogram } from './latency-histogram.js';

/** Limits and defaults of the times that are derived from measured quantiles, in milliseconds. */
export interface PaceSettings {
  /** The attempt time-out is p99.9 within these limits, and `unknownTimeoutMs` before `minSamples` calls. */
  readonly minTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly unknownTimeoutMs: number;
  readonly minSamples: number;
  /** The hedge is sent at p95 within these limits. */
  readonly minHedgeMs: number;
  readonly maxHedgeMs: number;
}

export const defaultPaceSettings: PaceSettings = {
  minTimeoutMs: 150,
  maxTimeoutMs: 1_000,
  unknownTimeoutMs: 800,
  minSamples: 200,
  minHedgeMs: 30,
  maxHedgeMs: 300,
};

/** The time limits of one call to a region, in milliseconds. */
export interface Pace {
  readonly attemptTimeoutMs: number;
  readonly hedgeAfterMs: number;
}

/** How fast an answer was: `fast` before a hedge is sent, `late` after the time limit of an attempt, else `slow`. */
export type Speed = 'fast' | 'slow' | 'late';

/** An unknown duration (NaN) is `slow`, which proves nothing. */
export function speedOf(durationMs: number, { hedgeAfterMs, attemptTimeoutMs }: Pace): Speed {
  if (durationMs > attemptTimeoutMs) return 'late';
  return durationMs <= hedgeAfterMs ? 'fast' : 'slow';
}

/**
 * Short enough that one second of slow answers is more than 5 % of the window even at its longest, and so changes
 * p95.
 */
const recentMs = 5_000;
const baselineMs = 600_000;

/** When a region becomes slow, and when it stays slow: the second limit is lower, so that the state does not flap. */
const becomesSlow = { minAnswers: 20, thanItself: 3, thanOthers: 2 } as const;
const staysSlow = { minAnswers: 5, thanItself: 2, thanOthers: 1.5 } as const;

/** Two histograms that alternate: together they are the window, and samples older than two lengths are forgotten. */
interface Window {
  readonly lengthMs: number;
  beganMs: number;
  current: LatencyHistogram;
  previous: LatencyHistogram;
}

export interface RegionTiming {
  readonly recent: Window;
  readonly baseline: Window;
  /** The last latencies in milliseconds, the oldest first; never more than `fewAnswers`. */
  last: readonly number[];
}

/** A median of this many answers is not moved by a single slow one. */
const fewAnswers = 7;

const newWindow = (lengthMs: number, beganMs: number): Window => ({
  lengthMs,
  beganMs,
  current: newHistogram(),
  previous: newHistogram(),
});

export const newRegionTiming = (nowMs: number): RegionTiming => ({
  recent: newWindow(recentMs, nowMs),
  baseline: newWindow(baselineMs, nowMs),
  last: [],
});

/**
 * Counts an answered call. With `isUsual` false it does not count towards the baseline, which is the latency of a
 * healthy region.
 */
export function addAnswer(timing: RegionTiming, durationMs: number, nowMs: number, isUsual = true): void {
  const { recent, baseline, last } = timing;
  if (!Number.isNaN(durationMs)) timing.last = [...last.slice(1 - fewAnswers), durationMs];
  for (const window of isUsual ? [recent, baseline] : [recent]) {
    turn(window, nowMs);
    addSample(window.current, durationMs);
  }
}

function turn(window: Window, nowMs: number): void {
  if (nowMs - window.beganMs < window.lengthMs) return;
  window.previous = nowMs - window.beganMs < 2 * window.lengthMs ? window.current : newHistogram();
  window.current = newHistogram();
  window.beganMs = nowMs;
}

/** Forgets old samples also in a region without calls. */
export function forgetOld({ recent, baseline }: RegionTiming, nowMs: number): void {
  turn(recent, nowMs);
  turn(baseline, nowMs);
}

const of = ({ current, previous }: Window): LatencyHistogram => merge(current, previous);

export const recentQuantile = ({ recent }: RegionTiming, share: number): number | undefined =>
  quantile(of(recent), share);

/**
 * The median of the recent window, in milliseconds; of a rarely called region, that of its last seven answers, of any
 * age.
 */
export function typicalMs({ recent, last }: RegionTiming): number | undefined {
  if (last.length < fewAnswers) return undefined;
  const answers = of(recent);
  return answers.total < fewAnswers
    ? [...last].sort((a, b) => a - b)[(fewAnswers - 1) / 2]
    : quantile(answers, 0.5);
}

/** The time limits for calls to a region, from its baseline. */
export function paceOf({ baseline }: RegionTiming, settings: PaceSettings): Pace {
  const known = of(baseline);
  const p999 = known.total >= settings.minSamples ? quantile(known, 0.999) : undefined;
  const p95 = known.total >= settings.minSamples ? quantile(known, 0.95) : undefined;
  return {
    attemptTimeoutMs:
      p999 === undefined
        ? settings.unknownTimeoutMs
        : within(settings.minTimeoutMs, p999, settings.maxTimeoutMs),
    hedgeAfterMs: within(settings.minHedgeMs, p95 ?? settings.maxHedgeMs, settings.maxHedgeMs),
  };
}

/**
 * Whether the region answers much more slowly than its baseline and than the other regions do now. A slow region with
 * too few answers to tell stays slow until its baseline is forgotten.
 */
export function isSlow(timing: RegionTiming, others: readonly RegionTiming[], wasSlow = false): boolean {
  const recent = of(timing.recent);
  const p95 = quantile(recent, 0.95);
  const usual = quantile(of(timing.baseline), 0.95);
  const limits = wasSlow ? staysSlow : becomesSlow;
  if (usual === undefined) return false;
  if (p95 === undefined || recent.total < limits.minAnswers) return wasSlow;
  const theirs = others.flatMap((other) => recentQuantile(other, 0.95) ?? []).sort((a, b) => a - b);
  const median = theirs[Math.floor((theirs.length - 1) / 2)] ?? 0;
  return p95 > limits.thanItself * usual && p95 > limits.thanOthers * median;
}

/** From which latency on, in milliseconds, an answer counts as slow; Infinity without a baseline. */
export function slowFromMs({ baseline }: RegionTiming): number {
  const usual = quantile(of(baseline), 0.95);
  return usual === undefined ? Infinity : becomesSlow.thanItself * usual;
}

const within = (min: number, value: number, max: number): number => Math.min(max, Math.max(min, value));
