// Measures each region call by call: latencies, calls in flight, and how many calls it accepts while it throttles. Kept
// apart from the health states, because it changes with every call. Never changes a state by itself.
import {
  increased,
  noThrottleLimit,
  afterThrottle,
  type ThrottleLimit,
} from '../../domain/regions/throttle-limit.js';
import type { Region } from '../../domain/ids.js';
import {
  addAnswer,
  forgetOld,
  isSlow,
  newRegionTiming,
  paceOf,
  recentQuantile,
  slowFromMs,
  speedOf,
  typicalMs,
  type Pace,
  type PaceSettings,
  type RegionTiming,
  type Speed,
} from '../../domain/regions/region-timing.js';
import type { RegionCall } from '../../ports/telemetry.js';

interface Measured {
  readonly timing: RegionTiming;
  throttle: ThrottleLimit;
  inFlight: number;
  /** When it last answered; -Infinity before its first answer. */
  answeredMs: number;
  /** Computed at every tick rather than for every request, like all that follows. */
  pace: Pace;
  p50Ms: number | undefined;
  p95Ms: number | undefined;
  typicalMs: number | undefined;
  slow: boolean;
  /** Answers since the last tick, and how many of them took at least `slowFromMs`. */
  answers: { all: number; slow: number };
  slowFromMs: number;
  /** At how many ticks in a row it looked slow. */
  slowTicks: number;
}

/** A burst of calls, or of work in this process, ends within fewer ticks, and so makes no region slow. */
const ticksToBecomeSlow = 3;
/** The same share as that of p95. */
const slowShare = 0.05;

export interface GaugeReading {
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly overQuota: boolean;
}

export class RegionStatistics {
  private readonly measured: ReadonlyMap<Region, Measured>;

  constructor(
    regions: readonly Region[],
    private readonly settings: PaceSettings,
    nowMs: number,
  ) {
    this.measured = new Map(
      regions.map((region) => {
        const timing = newRegionTiming(nowMs);
        const pace = paceOf(timing, settings);
        const unknown = {
          p50Ms: undefined,
          p95Ms: undefined,
          typicalMs: undefined,
          slow: false,
          slowFromMs: Infinity,
          slowTicks: 0,
        };
        return [
          region,
          {
            timing,
            throttle: noThrottleLimit,
            inFlight: 0,
            answeredMs: -Infinity,
            pace,
            answers: noAnswers(),
            ...unknown,
          },
        ];
      }),
    );
  }

  begin(region: Region): void {
    this.of(region).inFlight += 1;
  }

  end({ region, durationMs, failure }: RegionCall, nowMs: number): void {
    const one = this.of(region);
    const { inFlight } = one;
    one.inFlight -= 1;
    if (failure === undefined) {
      addAnswer(one.timing, durationMs, nowMs, !one.slow && one.slowTicks === 0);
      one.answeredMs = nowMs;
      one.answers.all += 1;
      if (durationMs >= one.slowFromMs) one.answers.slow += 1;
    }
    if (failure?.kind === 'region.throttled') {
      one.throttle = afterThrottle(one.throttle, { beganMs: nowMs - durationMs, atMs: nowMs, inFlight });
    }
  }

  /** A probe was answered. In a region without requests, only probes show how fast it is. */
  probed(region: Region, durationMs: number, nowMs: number): void {
    addAnswer(this.of(region).timing, durationMs, nowMs, false);
  }

  tick(nowMs: number): void {
    for (const one of this.measured.values()) {
      const others = [...this.measured.values()].filter((other) => other !== one);
      one.throttle = increased(one.throttle, nowMs);
      forgetOld(one.timing, nowMs);
      one.pace = paceOf(one.timing, this.settings);
      one.typicalMs = typicalMs(one.timing);
      one.p50Ms = one.typicalMs ?? recentQuantile(one.timing, 0.5);
      one.p95Ms = recentQuantile(one.timing, 0.95);
      const looksSlow = isSlow(
        one.timing,
        others.map(({ timing }) => timing),
        one.slow,
      );
      one.slowTicks = looksSlow ? slowTicksOf(one) : 0;
      one.slow = looksSlow && (one.slow || one.slowTicks >= ticksToBecomeSlow);
      one.slowFromMs = slowFromMs(one.timing);
      one.answers = noAnswers();
    }
  }

  pace(region: Region): Pace {
    return this.of(region).pace;
  }

  speedOf({ region, durationMs }: RegionCall): Speed {
    return speedOf(durationMs, this.of(region).pace);
  }

  /**
   * Whether this call lost to a hedge while the region answered other calls. Then it is no failure of the region:
   * that it is slow shows in its latencies. If it answered no other call in the meantime, the lost hedge counts as a
   * failure.
   */
  wasOnlySlower({ region, durationMs, failure }: RegionCall, nowMs: number): boolean {
    const lostHedge = failure?.kind === 'region.unavailable' && failure.reason === 'hedge-lost';
    return lostHedge && this.of(region).answeredMs > nowMs - durationMs;
  }

  /** Its median latency in milliseconds; undefined while there are too few answers. */
  typicalMs(region: Region): number | undefined {
    return this.of(region).typicalMs;
  }

  isSlow(region: Region): boolean {
    return this.of(region).slow;
  }

  read(region: Region): GaugeReading {
    const { p50Ms, p95Ms } = this.of(region);
    return { p50Ms, p95Ms, overQuota: this.isOverQuota(region) };
  }

  isOverQuota(region: Region): boolean {
    const { inFlight, throttle } = this.of(region);
    return inFlight >= throttle.limit;
  }

  private of(region: Region): Measured {
    const one = this.measured.get(region);
    if (one === undefined) throw new Error(`the region ${region} is not supervised`);
    return one;
  }
}

const noAnswers = (): Measured['answers'] => ({ all: 0, slow: 0 });

/** A tick without answers changes nothing; one with fast answers starts the count again. */
function slowTicksOf({ slowTicks, answers }: Measured): number {
  if (answers.all === 0) return slowTicks;
  return answers.slow > slowShare * answers.all ? slowTicks + 1 : 0;
}
