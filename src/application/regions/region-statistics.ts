// What is measured of each region, call by call: how long answers take, how many calls are under way, and how many it takes.
// Kept apart from the health states, because it changes with every call and decides nothing alone.
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
  typicalMs,
  type Pace,
  type PaceSettings,
  type RegionTiming,
} from '../../domain/regions/region-timing.js';
import type { RegionCall } from '../../ports/telemetry.js';

interface Gauge {
  readonly timing: RegionTiming;
  quota: ThrottleLimit;
  underWay: number;
  /** When it last gave a good answer. */
  answeredMs: number;
  /** Derived at every tick rather than for every request. */
  pace: Pace;
  p50Ms: number | undefined;
  p95Ms: number | undefined;
  typicalMs: number | undefined;
  slow: boolean;
  /** Answers since the last tick, and those of them that took so long that they make a region slow. */
  fresh: { all: number; slow: number };
  slowFromMs: number;
  /** At how many ticks in a row it looked slow, and went on being so. */
  slowTicks: number;
}

/** A burst, of calls or of work of our own, is over before so many ticks: it makes no region slow. */
const ticksToBecomeSlow = 3;
/** As p95 has it. */
const slowShare = 0.05;

export interface GaugeReading {
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly overQuota: boolean;
}

export class RegionStatistics {
  private readonly gauges: ReadonlyMap<Region, Gauge>;

  constructor(
    regions: readonly Region[],
    private readonly settings: PaceSettings,
    nowMs: number,
  ) {
    this.gauges = new Map(
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
            quota: noThrottleLimit,
            underWay: 0,
            answeredMs: -Infinity,
            pace,
            fresh: noneFresh(),
            ...unknown,
          },
        ];
      }),
    );
  }

  begin(region: Region): void {
    this.of(region).underWay += 1;
  }

  end({ region, durationMs, failure }: RegionCall, nowMs: number): void {
    const gauge = this.of(region);
    const { underWay } = gauge;
    gauge.underWay -= 1;
    if (failure === undefined) {
      addAnswer(gauge.timing, durationMs, nowMs, !gauge.slow && gauge.slowTicks === 0);
      gauge.answeredMs = nowMs;
      gauge.fresh.all += 1;
      if (durationMs >= gauge.slowFromMs) gauge.fresh.slow += 1;
    }
    if (failure?.kind === 'region.throttled') {
      gauge.quota = afterThrottle(gauge.quota, { beganMs: nowMs - durationMs, atMs: nowMs, underWay });
    }
  }

  /** A probe was answered: of a region that nobody else calls, all that tells how fast it is. */
  probed(region: Region, durationMs: number, nowMs: number): void {
    addAnswer(this.of(region).timing, durationMs, nowMs, false);
  }

  tick(nowMs: number): void {
    for (const gauge of this.gauges.values()) {
      const others = [...this.gauges.values()].filter((other) => other !== gauge);
      gauge.quota = increased(gauge.quota, nowMs);
      forgetOld(gauge.timing, nowMs);
      gauge.pace = paceOf(gauge.timing, this.settings);
      gauge.typicalMs = typicalMs(gauge.timing);
      gauge.p50Ms = gauge.typicalMs ?? recentQuantile(gauge.timing, 0.5);
      gauge.p95Ms = recentQuantile(gauge.timing, 0.95);
      const looksSlow = isSlow(
        gauge.timing,
        others.map(({ timing }) => timing),
        gauge.slow,
      );
      gauge.slowTicks = looksSlow ? slowTicksOf(gauge) : 0;
      gauge.slow = looksSlow && (gauge.slow || gauge.slowTicks >= ticksToBecomeSlow);
      gauge.slowFromMs = slowFromMs(gauge.timing);
      gauge.fresh = noneFresh();
    }
  }

  pace(region: Region): Pace {
    return this.of(region).pace;
  }

  /**
   * Whether this call lost to a hedge while the region answered others: then it was not silent. What it is slow in, its
   * latencies tell; what it leaves unanswered, the attempt time-out.
   */
  wasOnlySlower({ region, durationMs, failure }: RegionCall, nowMs: number): boolean {
    const lostHedge = failure?.kind === 'region.unavailable' && failure.reason === 'hedge-lost';
    return lostHedge && this.of(region).answeredMs > nowMs - durationMs;
  }

  /** Its median, once enough answers tell it; in milliseconds. */
  typicalMs(region: Region): number | undefined {
    return this.of(region).typicalMs;
  }

  isSlow(region: Region): boolean {
    return this.of(region).slow;
  }

  read(region: Region): GaugeReading {
    const { p50Ms, p95Ms, underWay, quota } = this.of(region);
    return { p50Ms, p95Ms, overQuota: underWay >= quota.limit };
  }

  private of(region: Region): Gauge {
    const gauge = this.gauges.get(region);
    if (gauge === undefined) throw new Error(`the region ${region} is not supervised`);
    return gauge;
  }
}

const noneFresh = (): Gauge['fresh'] => ({ all: 0, slow: 0 });

/** A tick without answers says nothing; one whose answers were as fast as ever begins anew. */
function slowTicksOf({ slowTicks, fresh }: Gauge): number {
  if (fresh.all === 0) return slowTicks;
  return fresh.slow > slowShare * fresh.all ? slowTicks + 1 : 0;
}
