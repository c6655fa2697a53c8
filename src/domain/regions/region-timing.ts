// What the answers of one region say about its pace: how long to wait for it, when to ask another region as well, and
// whether it has become slow. Counts real calls only, in bounded memory.
import { addSample, newHistogram, quantile, merge, type LatencyHistogram } from './latency-histogram.js';

/** Bounds and defaults of what is derived from measured quantiles, in milliseconds. */
export interface PaceSettings {
  /** The attempt time-out is p99.9 within these bounds, and `unknownTimeoutMs` before `minSamples` calls. */
  readonly minTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly unknownTimeoutMs: number;
  readonly minSamples: number;
  /** The hedge comes at p95 within these bounds. */
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

/** How to treat one call to a region. */
export interface Pace {
  readonly attemptTimeoutMs: number;
  readonly hedgeAfterMs: number;
}

/** With that, one second of slow answers is more than 5 % of the window even at its longest: p95 sees it. */
const recentMs = 5_000;
const baselineMs = 600_000;

/** When a region is slow, and when one that is slow still is: easier to stay than to become, so that it does not flap. */
const becomes = { fewestAnswers: 20, thanItself: 3, thanOthers: 2 } as const;
const remains = { fewestAnswers: 5, thanItself: 2, thanOthers: 1.5 } as const;

/** Two histograms take turns, so that what is older than two lengths is forgotten; together they are the window. */
interface Window {
  readonly lengthMs: number;
  beganMs: number;
  current: LatencyHistogram;
  previous: LatencyHistogram;
}

export interface RegionTiming {
  readonly recent: Window;
  readonly baseline: Window;
  /** The last answers, the oldest first; never more than `fewAnswers`. */
  last: readonly number[];
}

/** So many answers tell what is typical, and neither a chance nor a hiccup does. */
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

/** Counts an answered call; one that is not usual says nothing about what the region is like when it is well. */
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

/** Time passes, also for a region that nobody calls. */
export function forgetOld({ recent, baseline }: RegionTiming, nowMs: number): void {
  turn(recent, nowMs);
  turn(baseline, nowMs);
}

const of = ({ current, previous }: Window): LatencyHistogram => merge(current, previous);

export const recentQuantile = ({ recent }: RegionTiming, share: number): number | undefined =>
  quantile(of(recent), share);

/** The median of late; of a region that is seldom asked, that of its last seven answers, however old they are. */
export function typicalMs({ recent, last }: RegionTiming): number | undefined {
  if (last.length < fewAnswers) return undefined;
  const answers = of(recent);
  return answers.total < fewAnswers
    ? [...last].sort((a, b) => a - b)[(fewAnswers - 1) / 2]
    : quantile(answers, 0.5);
}

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
 * Whether the region answers much more slowly than it used to and than the others do now. Of one that is slow already, and
 * of which too few answers tell otherwise, it stays true until its usual pace is forgotten.
 */
export function isSlow(timing: RegionTiming, others: readonly RegionTiming[], wasSlow = false): boolean {
  const recent = of(timing.recent);
  const p95 = quantile(recent, 0.95);
  const usual = quantile(of(timing.baseline), 0.95);
  const limits = wasSlow ? remains : becomes;
  if (usual === undefined) return false;
  if (p95 === undefined || recent.total < limits.fewestAnswers) return wasSlow;
  const theirs = others.flatMap((other) => recentQuantile(other, 0.95) ?? []).sort((a, b) => a - b);
  const median = theirs[Math.floor((theirs.length - 1) / 2)] ?? 0;
  return p95 > limits.thanItself * usual && p95 > limits.thanOthers * median;
}

/** How long an answer must take to speak for a region having become slow; never, while its usual pace is unknown. */
export function slowFromMs({ baseline }: RegionTiming): number {
  const usual = quantile(of(baseline), 0.95);
  return usual === undefined ? Infinity : becomes.thanItself * usual;
}

const within = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value));
