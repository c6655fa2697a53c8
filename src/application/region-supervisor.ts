// The actor that knows how each region is. Outcomes of calls, probes, the operator's hand and the passing of time arrive in
// one mailbox; one scan over `step` makes the next states of them. It never errors, and requests read a snapshot.
import {
  catchError,
  defer,
  distinctUntilChanged,
  exhaustMap,
  filter,
  from,
  interval,
  map,
  merge,
  mergeMap,
  of,
  scan,
  share,
  Subject,
  take,
  tap,
  timeout,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { VaultFailure } from '../domain/failures.js';
import type { Region } from '../domain/ids.js';
import { step } from '../domain/region-health.js';
import { rankRegions, type Preference } from '../domain/region-order.js';
import {
  needsProbe,
  newRegionHealth,
  trafficShare,
  type HealthEvent,
  type HealthSettings,
  type RegionHealth,
} from '../domain/region-state.js';
import type { PaceSettings, Pace } from '../domain/region-timing.js';
import type { Clock } from '../ports/clock.js';
import type { Telemetry, VaultCall } from '../ports/telemetry.js';
import { RegionGauges } from './region-gauges.js';
import type { RegionGuide } from './region-guide.js';

export interface SupervisorSettings {
  readonly health: HealthSettings;
  readonly pace: PaceSettings;
  readonly prefer: Preference;
  /** How often time is looked at, in milliseconds. */
  readonly tickMs: number;
  /** How long a probe may take, in milliseconds. */
  readonly probeTimeoutMs: number;
}

/** Tries a region once and emits how that ended: a failure, or undefined when it answered well. */
export type RegionProbe = (region: Region) => Observable<VaultFailure | undefined>;

/** What an operator may do to a region. */
export type OperatorOrder = 'drain' | 'undrain' | 'lift-quarantine';

/** What an operator is told of a region. Times are milliseconds; `sinceMs` is how long ago the state was entered. */
export interface RegionReport {
  readonly region: Region;
  readonly state: RegionHealth['state'];
  readonly sinceMs: number;
  readonly why: string;
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly overQuota: boolean;
}

interface Mail {
  readonly region: Region;
  readonly event: HealthEvent;
}
type States = ReadonlyMap<Region, RegionHealth>;

const inUse: ReadonlySet<RegionHealth['state']['kind']> = new Set(['healthy', 'degraded', 'recovering']);

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };

export class RegionSupervisor implements RegionGuide {
  private readonly mailbox = new Subject<Mail>();
  private readonly gauges: RegionGauges;
  private states: States;
  private lastOrder: readonly Region[];

  /** The actor itself: it works while somebody is subscribed, and emits the order of regions whenever it changes. */
  readonly order$: Observable<readonly Region[]>;

  constructor(
    private readonly regions: readonly Region[],
    private readonly probe: RegionProbe,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: SupervisorSettings,
    private readonly scheduler?: SchedulerLike,
  ) {
    const nowMs = clock.monotonicMs();
    this.states = new Map(regions.map((region) => [region, newRegionHealth(nowMs)]));
    this.gauges = new RegionGauges(regions, settings.pace, nowMs);
    this.lastOrder = regions;
    this.order$ = defer(() =>
      merge(this.mailbox, this.ticks(), this.probes()).pipe(
        scan((states, mail) => this.next(states, mail), this.states),
      ),
    ).pipe(
      tap((states) => {
        this.states = states;
      }),
      map(() => this.rank(0)),
      distinctUntilChanged((a, b) => a.join() === b.join()),
      share(),
    );
  }

  order(): readonly Region[] {
    return this.rank(this.clock.random());
  }

  pace(region: Region): Pace {
    return this.gauges.pace(region);
  }

  isLeftAlone(region: Region): boolean {
    return !inUse.has(this.stateOf(region).state.kind);
  }

  begin(region: Region): void {
    this.gauges.begin(region);
  }

  report(call: VaultCall): void {
    const { region, failure } = call;
    const atMs = this.clock.monotonicMs();
    this.gauges.end(call, atMs);
    const about = call.keyId === undefined ? {} : { id: call.keyId };
    this.mailbox.next({
      region,
      event: failure
        ? { kind: 'failed', atMs, failure, chance: this.clock.random(), ...about }
        : { kind: 'answered', atMs },
    });
  }

  /** An operator's order; of a region that nobody knows, false. */
  command(region: Region, kind: OperatorOrder): boolean {
    const known = this.states.has(region);
    if (known) this.mailbox.next({ region, event: { kind, atMs: this.clock.monotonicMs() } });
    return known;
  }

  /** How every region is now, in the order in which a request would try them. */
  snapshot(): readonly RegionReport[] {
    const nowMs = this.clock.monotonicMs();
    return this.rank(0).map((region) => {
      const { state, sinceMs, why } = this.stateOf(region);
      const { p50Ms, p95Ms, overQuota } = this.gauges.read(region);
      return { region, state, sinceMs: nowMs - sinceMs, why, p50Ms, p95Ms, overQuota };
    });
  }

  private next(states: States, { region, event }: Mail): States {
    const before = states.get(region);
    if (before === undefined) return states;
    const after = step(this.settings.health)(before, event);
    if (after === before) return states;
    if (after.state.kind !== before.state.kind) {
      const { why } = after;
      const [from, to] = [before.state.kind, after.state.kind];
      this.telemetry.record({ event: 'region.transition', region, from, to, why });
    }
    return new Map([...states, [region, after]]);
  }

  private ticks(): Observable<Mail> {
    return interval(this.settings.tickMs, this.scheduler).pipe(
      mergeMap(() => {
        const atMs = this.clock.monotonicMs();
        this.gauges.tick(atMs);
        return from(
          this.regions.flatMap((region): Mail[] => [
            { region, event: { kind: 'tick', atMs } },
            { region, event: { kind: this.gauges.isSlow(region) ? 'slowed' : 'sped-up', atMs } },
          ]),
        );
      }),
    );
  }

  /** One probe at a time and region, whenever its state asks for one. */
  private probes(): Observable<Mail> {
    return merge(
      ...this.regions.map((region) =>
        interval(this.settings.tickMs, this.scheduler).pipe(
          filter(() => needsProbe(this.stateOf(region), this.clock.monotonicMs())),
          exhaustMap(() => this.probeOnce(region)),
        ),
      ),
    );
  }

  private probeOnce(region: Region): Observable<Mail> {
    const silent = { first: this.settings.probeTimeoutMs, with: () => of(timedOut) };
    return defer(() => this.probe(region)).pipe(
      timeout(this.scheduler ? { ...silent, scheduler: this.scheduler } : silent),
      take(1),
      catchError((cause: unknown) =>
        of<VaultFailure>({ kind: 'region.unavailable', reason: 'unintelligible', cause }),
      ),
      map((failure): Mail => {
        const atMs = this.clock.monotonicMs();
        const event: HealthEvent = failure
          ? { kind: 'probe-failed', atMs, failure, chance: this.clock.random() }
          : { kind: 'probe-answered', atMs };
        return { region, event };
      }),
    );
  }

  private rank(chance: number): readonly Region[] {
    const nowMs = this.clock.monotonicMs();
    const views = this.regions.map((region) => {
      const health = this.stateOf(region);
      const { p50Ms, overQuota } = this.gauges.read(region);
      const admitted = chance < trafficShare(health, this.settings.health, nowMs);
      return { region, state: health.state.kind, admitted, overQuota, p50Ms };
    });
    return (this.lastOrder = rankRegions(views, this.settings.prefer, this.lastOrder));
  }

  private stateOf(region: Region): RegionHealth {
    const health = this.states.get(region);
    if (health === undefined) throw new Error(`the region ${region} is not supervised`);
    return health;
  }
}
