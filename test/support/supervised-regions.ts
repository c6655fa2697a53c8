// Three supervised regions in virtual time. A test plays what happens to them as marbles; one frame is one millisecond. What
// the supervisor makes of it is kept with its time: transitions, and when probes began and ended.
import { expect } from '@jest/globals';
import { map, type Observable, type Observer, type Subscription } from 'rxjs';
import { TestScheduler, type RunHelpers } from 'rxjs/testing';
import {
  RegionSupervisor,
  type OperatorOrder,
  type SupervisorSettings,
} from '../../src/application/regions/region-supervisor.js';
import type { VaultFailure } from '../../src/domain/failures/region-failures.js';
import type { Region } from '../../src/domain/ids.js';
import { defaultHealthSettings } from '../../src/domain/regions/region-state.js';
import { defaultPaceSettings } from '../../src/domain/regions/region-timing.js';
import type { Clock } from '../../src/ports/clock.js';
import type { TelemetryEvent, VaultOperation } from '../../src/ports/telemetry.js';
import { keyId, region } from './names.js';
import { timedOut, vaultFailures } from './vault-failures.js';

export const frankfurt = region('eu-central-1');
export const dublin = region('eu-west-1');
export const stockholm = region('eu-north-1');
const initials: Readonly<Record<string, string>> = { [frankfurt]: 'F', [dublin]: 'D', [stockholm]: 'S' };

/** An order of regions by their initials: `FDS` is the configured one. */
export const inShort = (order: readonly Region[]): string => order.map((at) => initials[at] ?? '?').join('');

/** The design's numbers. */
export const settings: SupervisorSettings = {
  health: {
    ...defaultHealthSettings,
    consecutiveFailures: 5,
    failureRatio: 0.5,
    minCalls: 20,
    openMs: 5_000,
    maxOpenMs: 60_000,
    probeSuccesses: 3,
    rampMs: 10_000,
    misconfiguredProbeMs: 60_000,
    mismatchedIds: 2,
    rejectedIds: 3,
    rejectedWindowMs: 300_000,
  },
  pace: defaultPaceSettings,
  prefer: 'configured',
  tickMs: 250,
  probeTimeoutMs: 1_000,
};

/** How a call or a probe ends, by the letter that stands for it in marbles; `a` is a right answer. */
export const ends = {
  a: undefined,
  f: vaultFailures['region.unavailable'],
  s: timedOut,
  o: { kind: 'region.unavailable', reason: 'hedge-lost' },
  u: vaultFailures['region.untrusted'],
  t: vaultFailures['region.throttled'],
  m: vaultFailures['vault.misconfigured'],
  r: vaultFailures['ciphertext.rejected'],
  w: vaultFailures['ciphertext.mismatched'],
  c: vaultFailures['credentials.invalid'],
  b: vaultFailures['vault.request-invalid'],
  x: vaultFailures['call.aborted'],
} as const satisfies Record<string, VaultFailure | undefined>;
export type End = keyof typeof ends;

/** What a probe does: marbles of letters of `ends`, or `throw` for one that throws before it emits anything. */
export type ProbeScript = string;

interface TimedCall {
  readonly at?: Region;
  readonly id?: string;
  readonly durationMs?: number;
  readonly operation?: VaultOperation;
}

export class SupervisedRegions {
  /** What the clock answers when it is asked for chance. */
  chance = 0.5;
  /** How late timers of the clock fire, because the process is paused. */
  lateMs = 0;
  /** `[ms, 'region: from > to (why)']` */
  readonly transitions: (readonly [number, string])[] = [];
  readonly events: TelemetryEvent[] = [];
  readonly supervisor: RegionSupervisor;
  /** What probes do, one each; the last one stays. :: region -> scripts */
  readonly probes = new Map<Region, readonly ProbeScript[]>();
  readonly #probed: { readonly at: Region; readonly subscriptions: () => readonly (readonly number[])[] }[] =
    [];

  constructor(
    private readonly scheduler: TestScheduler,
    private readonly helpers: RunHelpers,
    private readonly untilMs: number,
    { ownTime, ...overrides }: PlaySettings,
  ) {
    const clock: Clock = {
      nowMs: () => 0,
      monotonicMs: () => scheduler.now(),
      idleMs: () => scheduler.now(),
      schedule: (delayMs, fire) => {
        const beat = scheduler.schedule(fire, delayMs + this.lateMs);
        return () => {
          beat.unsubscribe();
        };
      },
      random: () => this.chance,
    };
    this.supervisor = new RegionSupervisor(
      [frankfurt, dublin, stockholm],
      (at) => this.#probe(at),
      clock,
      {
        record: (event) => {
          this.#record(event);
        },
      },
      { ...settings, ...overrides },
      ...(ownTime === true ? [] : [scheduler]),
    );
  }

  /** When the probes of a region began and ended: `[from, to]`. */
  probed(of = frankfurt): readonly (readonly number[])[] {
    return this.#probed.filter(({ at }) => at === of).flatMap(({ subscriptions }) => subscriptions());
  }

  /** What a letter of the marbles does when its time comes. */
  acts(marbles: string, acts: Readonly<Record<string, () => void>>): void {
    this.helpers.hot(marbles, acts).subscribe((act) => {
      act();
    });
  }

  /** Calls that end as their letters say. */
  calls(marbles: string, call: TimedCall = {}): void {
    const letters = Object.keys(ends) as readonly End[];
    const act = (letter: End) => (): void => {
      this.call(letter, call);
    };
    this.acts(marbles, Object.fromEntries(letters.map((letter) => [letter, act(letter)])));
  }

  /** A call that begins and ends at once, though it may say that it took longer. */
  call(end: End, call: TimedCall = {}): void {
    this.supervisor.begin(call.at ?? frankfurt);
    this.end(end, call);
  }

  /** The end of a call that has begun. */
  end(
    end: End,
    { at = frankfurt, id = 'orders/7', durationMs = 20, operation = 'decrypt' }: TimedCall = {},
  ): void {
    const failure = ends[end];
    this.supervisor.report({
      region: at,
      operation,
      keyId: keyId(id),
      durationMs,
      ...(failure && { failure }),
    });
  }

  /** The operator's hand, at a time. */
  command(order: OperatorOrder, atMs: number, at = frankfurt): void {
    this.acts(`${atMs}ms o`, {
      o: () => {
        expect(this.supervisor.command(at, order)).toBe(true);
      },
    });
  }

  /** Holds what `order$` emits against marbles whose letters are orders in short. */
  expectOrders(marbles: string, values: Readonly<Record<string, string>>): void {
    const orders$ = this.supervisor.order$.pipe(map(inShort));
    this.helpers.expectObservable(orders$, `^ ${this.untilMs - 1}ms !`).toBe(marbles, values);
  }

  /** Subscribes at one time, and unsubscribes at another. */
  work(fromMs: number, toMs: number, observer: Partial<Observer<readonly Region[]>> = {}): void {
    let working: Subscription | undefined;
    this.scheduler.schedule(() => (working = this.supervisor.order$.subscribe(observer)), fromMs);
    this.scheduler.schedule(() => {
      working?.unsubscribe();
    }, toMs);
  }

  #probe(at: Region): Observable<VaultFailure | undefined> {
    const [script = '(a|)', ...rest] = this.probes.get(at) ?? [];
    if (rest.length > 0) this.probes.set(at, rest);
    if (script === 'throw') throw new Error('the probe has a bug');
    const cold = this.helpers.cold<VaultFailure | undefined>(script, ends);
    const subscriptions = (): readonly (readonly number[])[] =>
      cold.subscriptions.map(({ subscribedFrame, unsubscribedFrame }) => [
        subscribedFrame,
        unsubscribedFrame,
      ]);
    this.#probed.push({ at, subscriptions });
    return cold;
  }

  #record(event: TelemetryEvent): void {
    this.events.push(event);
    if (event.event !== 'region.transition') return;
    const { region: at, from, to, why } = event;
    this.transitions.push([this.scheduler.now(), `${at}: ${from} > ${to} (${why})`]);
  }
}

export interface PlaySettings extends Partial<SupervisorSettings> {
  /** How long the supervisor works, from the beginning. Without it, the script says when. */
  readonly untilMs?: number;
  /** Gives the supervisor no scheduler, as in operation. While a script is played RxJS's own time is virtual as well. */
  readonly ownTime?: boolean;
}

/** Plays a script; after it nothing of the supervisor may be left that waits for its time. */
export function play(
  { untilMs, ...overrides }: PlaySettings,
  script: (regions: SupervisedRegions, helpers: RunHelpers) => void,
): SupervisedRegions {
  const scheduler = new TestScheduler((actual, expected) => {
    expect(actual).toStrictEqual(expected);
  });
  const regions = scheduler.run((helpers) => {
    // A timer that is never cancelled fails the test instead of running for ever.
    scheduler.maxFrames = 3_600_000;
    const played = new SupervisedRegions(scheduler, helpers, untilMs ?? 0, overrides);
    if (untilMs !== undefined) played.work(0, untilMs);
    script(played, helpers);
    return played;
  });
  expect(scheduler.actions).toHaveLength(0);
  return regions;
}
