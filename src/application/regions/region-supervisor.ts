// The actor that knows the health of each region. Outcomes of calls, probes, operators' orders and ticks arrive in one
// stream of mail; one `scan` over `step` computes the next states. The stream never errors. Requests never wait for it:
// they read a snapshot.
import {
  defer,
  distinctUntilChanged,
  from,
  interval,
  map,
  merge,
  mergeMap,
  scan,
  share,
  Subject,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { Region } from '../../domain/ids.js';
import { step } from '../../domain/regions/region-health.js';
import { preferRegions, rankRegions, type Preference } from '../../domain/regions/region-order.js';
import {
  circuitOf,
  entryOf,
  faultOf,
  needsProbe,
  isSilent,
  newRegionHealth,
  trafficShare,
  type HealthEvent,
  type HealthSettings,
  type RegionHealth,
} from '../../domain/regions/region-state.js';
import type { PaceSettings, Pace } from '../../domain/regions/region-timing.js';
import type { Clock } from '../../ports/clock.js';
import type { RegionCall, Telemetry, VaultCall } from '../../ports/telemetry.js';
import { StallWatch } from '../resilience/stall-watch.js';
import { healthEventOf } from './health-events.js';
import { RegionStatistics } from './region-statistics.js';
import type { RegionSelector } from './region-selector.js';
import { probesOf, type ProbeSettings, type RegionProbe } from './region-probes.js';

/** `tickMs` is also how often states are checked for the passing of time. */
export interface SupervisorSettings extends ProbeSettings {
  readonly health: HealthSettings;
  readonly pace: PaceSettings;
  readonly prefer: Preference;
}

/** What an operator may do to a region. */
export type OperatorOrder = 'drain' | 'undrain' | 'lift-quarantine';

/** A region's state as operators see it. Times are in milliseconds; `sinceMs` is how long ago the state was entered. */
export interface RegionReport {
  readonly region: Region;
  readonly state: RegionHealth['state'];
  readonly sinceMs: number;
  readonly why: string;
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly overQuota: boolean;
  /** How often its state has changed since the process started. */
  readonly transitions: number;
}

interface Mail {
  readonly region: Region;
  readonly event: HealthEvent;
}
/** Changed in place: a copy for every answer would cost more than the rest. */
type States = Map<Region, RegionHealth>;

export class RegionSupervisor implements RegionSelector {
  private readonly mailbox = new Subject<Mail>();
  private readonly statistics: RegionStatistics;
  private readonly transitions = new Map<Region, number>();
  private readonly states: States;
  private preferred: readonly Region[] = [];

  /** The actor itself: it works while it has a subscriber. Emits the order of regions whenever it changes. */
  readonly order$: Observable<readonly Region[]>;
  /** Emits a snapshot whenever the order changes or a region enters a state. A subscriber makes the actor work, too. */
  readonly report$: Observable<readonly RegionReport[]>;

  constructor(
    private readonly regions: readonly Region[],
    private readonly probe: RegionProbe,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: SupervisorSettings,
    private readonly scheduler?: SchedulerLike,
  ) {
    const nowMs = clock.monotonicMs();
    this.states = new Map(regions.map((region) => [region, newRegionHealth(nowMs, settings.health)]));
    this.statistics = new RegionStatistics(regions, settings.pace, nowMs);
    const states$ = defer(() =>
      merge(this.mailbox, this.ticks(), this.probes()).pipe(
        scan((states, mail) => this.next(states, mail), this.states),
      ),
    ).pipe(share());
    this.order$ = states$.pipe(
      map(() => this.rank(0)),
      distinctUntilChanged((a, b) => a.join() === b.join()),
      share(),
    );
    this.report$ = states$.pipe(
      map((states) => [...this.rank(0), ...[...states.values()].map(entryOf)].join()),
      distinctUntilChanged(),
      map(() => this.snapshot()),
      share(),
    );
  }

  order(): readonly Region[] {
    return this.rank(this.clock.random());
  }

  pace(region: Region): Pace {
    return this.statistics.pace(region);
  }

  isEjected(region: Region): boolean {
    return circuitOf[this.stateOf(region).state.kind] !== 'closed';
  }

  isSilent(region: Region): boolean {
    return isSilent(this.stateOf(region));
  }

  isDrained(region: Region): boolean {
    return this.stateOf(region).state.kind === 'drained';
  }

  isOverQuota(region: Region): boolean {
    return this.statistics.isOverQuota(region);
  }

  hasSharedFault(regions: readonly Region[]): boolean {
    const [first] = regions;
    const fault = first && faultOf(this.stateOf(first));
    return fault !== undefined && regions.every((region) => faultOf(this.stateOf(region)) === fault);
  }

  begin(region: Region): void {
    this.statistics.begin(region);
  }

  report(call: RegionCall): void {
    const atMs = this.clock.monotonicMs();
    this.statistics.end(call, atMs);
    if (this.statistics.wasOnlySlower(call, atMs)) return;
    const event = healthEventOf(call, atMs, this.statistics.speedOf(call), () => this.clock.random());
    if (event === undefined) return;
    const mail = { region: call.region, event };
    // A healthy region that answers stays healthy, so no subscriber needs to know.
    if (event.kind === 'answered' && this.isHealthy(call.region)) this.next(this.states, mail);
    else this.mailbox.next(mail);
  }

  /** Carries out an operator's order; false for a region that is not supervised. */
  command(region: Region, kind: OperatorOrder): boolean {
    if (!this.states.has(region)) return false;
    this.mailbox.next({ region, event: { kind, atMs: this.clock.monotonicMs() } });
    return true;
  }

  /** The state of every region now, in the order in which a request would try them. */
  snapshot(): readonly RegionReport[] {
    const nowMs = this.clock.monotonicMs();
    return this.rank(0).map((region) => {
      const { state, sinceMs, why } = this.stateOf(region);
      const counts = { ...this.statistics.read(region), transitions: this.transitions.get(region) ?? 0 };
      return { region, state, sinceMs: nowMs - sinceMs, why, ...counts };
    });
  }

  private next(states: States, { region, event }: Mail): States {
    const before = states.get(region);
    const after = before && step(this.settings.health)(before, event);
    if (before === undefined || after === undefined || after === before) return states;
    if (after.state.kind !== before.state.kind) {
      const [from, to, why] = [before.state.kind, after.state.kind, after.why];
      this.transitions.set(region, (this.transitions.get(region) ?? 0) + 1);
      this.telemetry.record({ event: 'region.transition', region, from, to, why });
    }
    return states.set(region, after);
  }

  private ticks(): Observable<Mail> {
    return interval(this.settings.tickMs, this.scheduler).pipe(
      mergeMap(() => {
        const atMs = this.clock.monotonicMs();
        this.statistics.tick(atMs);
        return from(
          this.regions.flatMap((region): Mail[] => [
            { region, event: { kind: 'tick', atMs } },
            { region, event: { kind: this.statistics.isSlow(region) ? 'slowed' : 'sped-up', atMs } },
          ]),
        );
      }),
    );
  }

  private probes(): Observable<Mail> {
    const { probe, clock, scheduler, settings } = this;
    const stalls = new StallWatch(clock);
    return merge(
      ...this.regions.map((region) => {
        const isDue = (): boolean => needsProbe(this.stateOf(region), clock.monotonicMs());
        return probesOf(region, { probe, isDue, clock, scheduler, settings, stalls });
      }),
    ).pipe(map((call) => this.probed(call)));
  }

  private probed(call: VaultCall): Mail {
    const { region, failure } = call;
    const atMs = this.clock.monotonicMs();
    this.telemetry.record(call);
    if (failure === undefined) {
      this.statistics.probed(region, call.durationMs, atMs);
      return { region, event: { kind: 'probe-answered', atMs, speed: this.statistics.speedOf(call) } };
    }
    return { region, event: { kind: 'probe-failed', atMs, failure, chance: this.clock.random() } };
  }

  private rank(chance: number): readonly Region[] {
    const { prefer } = this.settings;
    const isBest = (region: Region): boolean => this.isHealthy(region) && !this.isOverQuota(region);
    if (prefer === 'configured' && this.regions.every(isBest)) return this.regions;
    const nowMs = this.clock.monotonicMs();
    const views = this.regions.map((region) => {
      const health = this.stateOf(region);
      const admitted = chance < trafficShare(health, this.settings.health, nowMs);
      const now = { overQuota: this.isOverQuota(region), typicalMs: this.statistics.typicalMs(region) };
      return { region, state: health.state.kind, admitted, ...now };
    });
    const preferred = preferRegions(views, prefer, this.preferred);
    this.preferred = preferred.map(({ region }) => region);
    return rankRegions(preferred);
  }

  private isHealthy(region: Region): boolean {
    return this.states.get(region)?.state.kind === 'healthy';
  }

  private stateOf(region: Region): RegionHealth {
    const health = this.states.get(region);
    if (health === undefined) throw new Error(`the region ${region} is not supervised`);
    return health;
  }
}
