// What becomes of a region's health: one row per state and event, then what holds after any sequence of events.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { noCalls } from '../../../src/domain/regions/call-record.js';
import type { OutageReason } from '../../../src/domain/failures/region-failures.js';
import type { RegionFault } from '../../../src/domain/failures/store-failures.js';
import { step } from '../../../src/domain/regions/region-health.js';
import {
  defaultHealthSettings as settings,
  needsProbe,
  newRegionHealth,
  trafficShare,
  type HealthEvent,
  type OperatorEvent,
  type RegionHealth,
  type RegionState,
} from '../../../src/domain/regions/region-state.js';
import type { Speed } from '../../../src/domain/regions/region-timing.js';
import { healthEvents, healthHistories, liveEvents } from '../../support/health-histories.js';
import {
  timedOut,
  vaultFailureKinds,
  vaultFailures,
  type VaultFailureKind,
} from '../../support/vault-failures.js';

type StateKind = RegionState['kind'];

const sinceMs = 1_000;
const nowMs = 5_000;

const states: { readonly [Kind in StateKind]: Extract<RegionState, { kind: Kind }> } = {
  healthy: { kind: 'healthy', calls: noCalls, nextProbeMs: 20_000 },
  degraded: { kind: 'degraded', calls: noCalls, nextProbeMs: 5_500, cause: { kind: 'latency' } },
  open: { kind: 'open', untilMs: 6_000, openMs: 5_000 },
  'half-open': { kind: 'half-open', probeSuccesses: 1, openMs: 5_000 },
  recovering: { kind: 'recovering', calls: noCalls, openMs: 5_000 },
  misconfigured: { kind: 'misconfigured', reason: 'disabled', nextProbeMs: 6_000 },
  quarantined: { kind: 'quarantined' },
  drained: { kind: 'drained', quarantined: false },
};
const stateKinds = Object.keys(states) as readonly StateKind[];

const healthIn = (state: RegionState): RegionHealth => ({
  state,
  sinceMs,
  why: 'as the test has it',
  faults: { mismatched: [], rejected: [] },
});

const next = step(settings);
const after = (health: RegionHealth, ...events: readonly HealthEvent[]): RegionHealth =>
  events.reduce(next, health);

const fresh = newRegionHealth(0, settings);
const answered = (atMs: number): HealthEvent => ({ kind: 'answered', atMs, speed: 'fast' });
const probeAnswered = (atMs: number, speed: Speed = 'fast'): HealthEvent => ({
  kind: 'probe-answered',
  atMs,
  speed,
});
const tick = (atMs: number): HealthEvent => ({ kind: 'tick', atMs });
const operator = (kind: OperatorEvent['kind'], atMs = nowMs): HealthEvent => ({ kind, atMs });
const refused = vaultFailures['region.unavailable'];
const outage = (reason: OutageReason): RegionFault => ({ kind: 'region.unavailable', reason });
const failed = (atMs: number, failure: RegionFault = refused, id = 'orders/7'): HealthEvent => ({
  kind: 'failed',
  atMs,
  failure,
  chance: 0.5,
  id,
});
const probeFailed = (atMs: number, failure: RegionFault = refused, chance = 0.5): HealthEvent => ({
  kind: 'probe-failed',
  atMs,
  failure,
  chance,
});
const mismatched = (atMs: number, id: string): HealthEvent =>
  failed(atMs, vaultFailures['ciphertext.mismatched'], id);
const rejected = (atMs: number, id: string): HealthEvent =>
  failed(atMs, vaultFailures['ciphertext.rejected'], id);

/** A region of the store has one fault that a region of KMS cannot have. */
const faults = {
  ...vaultFailures,
  'store.misconfigured': { kind: 'store.misconfigured', detail: 'no table' },
} as const;
type FaultKind = keyof typeof faults;
const faultKinds = Object.keys(faults) as readonly FaultKind[];

/** `stays`: the very same object. `notes`: the same state since the same time, with something noted. Else: entered now. */
type Outcome = 'stays' | 'notes' | StateKind;
type Column = Exclude<HealthEvent['kind'], 'failed' | 'probe-failed'> | FaultKind;

const allStay: Readonly<Record<Column, Outcome>> = {
  answered: 'stays',
  'probe-answered': 'stays',
  tick: 'stays',
  slowed: 'stays',
  'sped-up': 'stays',
  drain: 'stays',
  undrain: 'stays',
  'lift-quarantine': 'stays',
  'region.unavailable': 'stays',
  'region.untrusted': 'stays',
  'region.throttled': 'stays',
  'vault.misconfigured': 'stays',
  'store.misconfigured': 'stays',
  'ciphertext.rejected': 'stays',
  'ciphertext.mismatched': 'stays',
  'credentials.invalid': 'stays',
  'vault.request-invalid': 'stays',
  'call.aborted': 'stays',
};

/** What is alike in all states but quarantined and drained. */
const live: Readonly<Record<Column, Outcome>> = {
  ...allStay,
  drain: 'drained',
  'region.untrusted': 'open',
  'vault.misconfigured': 'misconfigured',
  'store.misconfigured': 'misconfigured',
  'credentials.invalid': 'misconfigured',
  'ciphertext.rejected': 'notes',
  'ciphertext.mismatched': 'notes',
};

/** State and event, where failures are those of a request for an id. */
const table: Readonly<Record<StateKind, Readonly<Record<Column, Outcome>>>> = {
  healthy: {
    ...live,
    answered: 'notes',
    'probe-answered': 'notes',
    slowed: 'degraded',
    'region.unavailable': 'notes',
  },
  degraded: {
    ...live,
    answered: 'notes',
    'probe-answered': 'notes',
    'sped-up': 'healthy',
    'region.unavailable': 'notes',
  },
  open: { ...live, 'region.untrusted': 'stays' },
  'half-open': { ...live, 'probe-answered': 'notes' },
  recovering: { ...live, answered: 'notes', 'region.unavailable': 'notes' },
  misconfigured: { ...live, 'probe-answered': 'half-open', 'vault.misconfigured': 'stays' },
  quarantined: { ...allStay, drain: 'drained', 'lift-quarantine': 'half-open' },
  drained: { ...allStay, undrain: 'half-open' },
};

const probedAnew: Partial<Record<FaultKind, Outcome>> = {
  'region.throttled': 'notes',
  'ciphertext.rejected': 'notes',
  'vault.request-invalid': 'notes',
  'call.aborted': 'notes',
};

/** Where the failure of a probe, which is about no id, comes out otherwise than that of a request. */
const probed: Readonly<Record<StateKind, Partial<Record<FaultKind, Outcome>>>> = {
  healthy: probedAnew,
  degraded: probedAnew,
  open: { 'ciphertext.rejected': 'stays' },
  'half-open': {
    'region.unavailable': 'open',
    'region.throttled': 'open',
    'ciphertext.rejected': 'open',
    'ciphertext.mismatched': 'open',
    'vault.request-invalid': 'open',
    'call.aborted': 'open',
  },
  recovering: { 'ciphertext.rejected': 'stays' },
  misconfigured: {
    'region.unavailable': 'open',
    'region.throttled': 'notes',
    'vault.misconfigured': 'notes',
    'vault.request-invalid': 'notes',
    'call.aborted': 'notes',
  },
  quarantined: {},
  drained: {},
};

const plainKinds = [
  'answered',
  'probe-answered',
  'tick',
  'slowed',
  'sped-up',
  'drain',
  'undrain',
  'lift-quarantine',
] as const;

const inWords = (outcome: Outcome): string =>
  ({ stays: 'stays as it is', notes: 'stays, and notes it' })[outcome as string] ?? `becomes ${outcome}`;

describe('a region', () => {
  const row = (state: StateKind, what: string, event: HealthEvent, outcome: Outcome) => ({
    state,
    what,
    event,
    outcome,
    promise: inWords(outcome),
  });
  const rows = stateKinds.flatMap((state) => [
    ...plainKinds.map((kind) => row(state, kind, { kind, atMs: nowMs, speed: 'fast' }, table[state][kind])),
    ...faultKinds.map((kind) =>
      row(state, `a call that ended with ${kind}`, failed(nowMs, faults[kind]), table[state][kind]),
    ),
    ...faultKinds.map((kind) =>
      row(
        state,
        `a probe that ended with ${kind}`,
        probeFailed(nowMs, faults[kind]),
        probed[state][kind] ?? table[state][kind],
      ),
    ),
  ]);

  it.each(rows)('that is $state, on $what, $promise', ({ state, event, outcome }) => {
    const before = healthIn(states[state]);
    const now = next(before, event);
    if (outcome === 'stays') {
      expect(now).toBe(before);
    } else if (outcome === 'notes') {
      expect(now).not.toEqual(before);
      expect([now.state.kind, now.sinceMs, now.why]).toEqual([state, sinceMs, before.why]);
    } else {
      expect([now.state.kind, now.sinceMs]).toEqual([outcome, nowMs]);
    }
  });

  it('begins healthy and unsuspected', () => {
    expect(newRegionHealth(7, settings)).toEqual({
      state: { kind: 'healthy', calls: noCalls, nextProbeMs: 30_007 },
      sinceMs: 7,
      why: 'start',
      faults: { mismatched: [], rejected: [] },
    });
  });
});

describe('the reason that an operator is shown', () => {
  const { misconfigured, healthy, degraded, recovering, open, drained, quarantined } = states;
  it.each<[string, RegionState, HealthEvent]>([
    ['region.untrusted', healthy, failed(nowMs, vaultFailures['region.untrusted'])],
    ['region.unavailable: refused', states['half-open'], probeFailed(nowMs)],
    ['region.unavailable: timed-out', states['half-open'], probeFailed(nowMs, timedOut)],
    ['region.unavailable: reset', states['half-open'], probeFailed(nowMs, outage('reset'))],
    ['region.unavailable: server-error', states['half-open'], probeFailed(nowMs, outage('server-error'))],
    ['slow: answers do not come in time', states['half-open'], probeAnswered(nowMs, 'late')],
    ['region.throttled', states['half-open'], probeFailed(nowMs, vaultFailures['region.throttled'])],
    ['disabled', healthy, failed(nowMs, vaultFailures['vault.misconfigured'])],
    ['credentials', healthy, failed(nowMs, vaultFailures['credentials.invalid'])],
    [
      'pending-deletion',
      misconfigured,
      failed(nowMs, { kind: 'vault.misconfigured', reason: 'pending-deletion' }),
    ],
    ['slower than its baseline and the other regions', healthy, { kind: 'slowed', atMs: nowMs }],
    ['latency back to normal', degraded, { kind: 'sped-up', atMs: nowMs }],
    ['answered once', misconfigured, probeAnswered(nowMs)],
    ['probes succeeded', { kind: 'half-open', probeSuccesses: 2, openMs: 5_000 }, probeAnswered(nowMs)],
    ['as the test has it', open, tick(6_000)],
    ['ramp completed', recovering, tick(sinceMs + 10_000)],
    ['operator', healthy, operator('drain')],
    ['operator', drained, operator('undrain')],
    ['operator', quarantined, operator('lift-quarantine')],
  ])('is "%s"', (why, state, event) => {
    expect(next(healthIn(state), event).why).toBe(why);
  });
});

describe('the circuit', () => {
  const fourFailures = [1, 2, 3, 4].map((atMs) => failed(atMs));

  it('stays closed after four failures in a row and opens at the fifth', () => {
    const four = after(fresh, ...fourFailures);
    expect(four.state.kind).toBe('healthy');
    expect(next(four, failed(5))).toEqual({
      ...fresh,
      state: { kind: 'open', openMs: 5_000, untilMs: 2_505 },
      sinceMs: 5,
      why: 'region.unavailable: refused',
    });
  });

  it('opens in the same way for a degraded region', () => {
    const four = after(healthIn(states.degraded), ...fourFailures);
    expect([four.state.kind, next(four, failed(5)).state.kind]).toEqual(['degraded', 'open']);
  });

  it('begins to count anew after one good answer', () => {
    expect(after(fresh, ...fourFailures, answered(5), ...fourFailures).state.kind).toBe('healthy');
  });

  /** Good and bad answers in turn, the last one bad; never two bad ones in a row. */
  const inTurn = (calls: number, everyMs: number): readonly HealthEvent[] =>
    Array.from({ length: calls }, (_, at) => {
      const atMs = 1_000 + at * everyMs;
      return (calls - at) % 2 === 1 ? failed(atMs) : answered(atMs);
    });

  it('stays closed at half of 19 calls and opens at half of 20', () => {
    expect(after(fresh, ...inTurn(19, 10)).state.kind).toBe('healthy');
    expect(after(fresh, ...inTurn(20, 10)).state.kind).toBe('open');
  });

  it('stays closed when fewer than half of many calls fail', () => {
    const seldom = Array.from({ length: 200 }, (_, at) => (at % 3 === 0 ? failed(at) : answered(at)));
    expect(after(fresh, ...seldom).state.kind).toBe('healthy');
  });

  it('stays closed when 20 calls take longer than ten seconds', () => {
    expect(after(fresh, ...inTurn(20, 1_000)).state.kind).toBe('healthy');
  });

  it('counts on over the calls from before when the region becomes slow', () => {
    const slower = after(fresh, ...inTurn(19, 10), { kind: 'slowed', atMs: 1_200 });
    expect(after(slower, answered(1_210), failed(1_220)).state.kind).toBe('open');
  });

  it('never opens because a region throttles', () => {
    const throttled = Array.from({ length: 100 }, (_, at) => failed(at, vaultFailures['region.throttled']));
    expect(after(fresh, ...throttled)).toBe(fresh);
  });

  it('opens at once when the region cannot be trusted', () => {
    expect(next(fresh, failed(7, vaultFailures['region.untrusted']))).toEqual({
      ...fresh,
      state: { kind: 'open', openMs: 5_000, untilMs: 2_507 },
      sinceMs: 7,
      why: 'region.untrusted',
    });
  });

  it('opens for no longer when many calls in flight fail in the same way', () => {
    const untrusted = Array.from({ length: 50 }, () => failed(7, vaultFailures['region.untrusted']));
    expect(after(fresh, ...untrusted).state).toEqual({ kind: 'open', openMs: 5_000, untilMs: 2_507 });
  });

  it('is tried when its time is over, and not before', () => {
    const open = healthIn(states.open);
    expect(next(open, tick(5_999))).toBe(open);
    expect(next(open, tick(6_000)).state).toEqual({ kind: 'half-open', probeSuccesses: 0, openMs: 5_000 });
  });

  it('closes after three right answers of probes and not after two', () => {
    const halfOpen = next(healthIn(states.open), tick(6_000));
    const two = after(halfOpen, probeAnswered(6_100), probeAnswered(6_200));
    expect(two).toEqual({ ...halfOpen, state: { kind: 'half-open', probeSuccesses: 2, openMs: 5_000 } });
    expect(next(two, probeAnswered(6_300))).toEqual({
      ...halfOpen,
      state: { kind: 'recovering', calls: noCalls, openMs: 5_000 },
      sinceMs: 6_300,
      why: 'probes succeeded',
    });
  });

  /** One of the few that an open region gets while all are; it opened at `sinceMs`. */
  const requestAnswered = (likeProbeSinceMs: number, atMs = likeProbeSinceMs + 20): HealthEvent => ({
    kind: 'answered',
    atMs,
    likeProbeSinceMs,
    speed: 'fast',
  });

  it('closes after three right answers to requests sent since it opened, before its time is over', () => {
    const often = healthIn({ kind: 'open', untilMs: 6_000, openMs: 10_000 });
    const once = next(often, requestAnswered(sinceMs + 1, 1_021));
    expect(once).toEqual({
      ...often,
      state: { kind: 'half-open', probeSuccesses: 1, openMs: 10_000 },
      sinceMs: 1_021,
      why: 'answered once',
    });
    const three = after(once, requestAnswered(1_022), probeAnswered(1_060));
    expect(three.state).toEqual({ kind: 'recovering', calls: noCalls, openMs: 10_000 });
  });

  it('stays open when requests are answered that were sent before it opened', () => {
    const open = healthIn(states.open);
    expect(after(open, requestAnswered(sinceMs - 5), requestAnswered(sinceMs))).toBe(open);
  });

  it('is not tried because of an answer while it is misconfigured', () => {
    const misconfigured = healthIn(states.misconfigured);
    expect(next(misconfigured, requestAnswered(nowMs))).toBe(misconfigured);
  });

  it('closes at the first successful probe when one is configured', () => {
    const easy = step({ ...settings, probeSuccesses: 1 });
    const tried = easy(healthIn(states.open), tick(6_000));
    expect(easy(tried, probeAnswered(6_000)).state.kind).toBe('recovering');
  });

  it('gives full traffic back ten seconds later, and not before', () => {
    const recovering = healthIn(states.recovering);
    expect(next(recovering, tick(10_999))).toBe(recovering);
    const { state } = next(recovering, tick(11_000));
    expect(state).toEqual({ kind: 'healthy', calls: noCalls, nextProbeMs: 41_000 });
  });

  it('remembers after its recovery the calls of the recovery', () => {
    const recovered = after(healthIn(states.recovering), answered(10_500), tick(11_000));
    expect(recovered.state).toMatchObject({
      calls: { seconds: [{ second: 10, successes: 1, failures: 0 }] },
    });
  });

  it('stays open for twice as long each time, up to the cap, and starts again once the region was healthy', () => {
    const openings = (from: RegionHealth, count: number): readonly number[] => {
      const { state } = from;
      if (count === 0 || state.kind !== 'open') return [];
      const again = after(from, tick(state.untilMs), probeFailed(state.untilMs + 1));
      return [state.openMs, ...openings(again, count - 1)];
    };
    const opened = next(fresh, failed(0, vaultFailures['region.untrusted']));
    expect(openings(opened, 5)).toEqual([5_000, 10_000, 15_000, 15_000, 15_000]);

    const answers = [2_501, 2_502, 2_503].map((atMs) => probeAnswered(atMs));
    const recovering = after(opened, tick(2_500), ...answers);
    expect(after(recovering, ...[4, 5, 6, 7, 8].map((ms) => failed(2_500 + ms))).state).toMatchObject({
      kind: 'open',
      openMs: 10_000,
    });
    const healthy = after(recovering, tick(20_000));
    const again = next(healthy, failed(20_001, vaultFailures['region.untrusted']));
    expect(again.state).toMatchObject({ kind: 'open', openMs: 5_000 });
  });

  it('stays open for longer the next time, even after answers to requests', () => {
    const often = healthIn({ kind: 'open', untilMs: 6_000, openMs: 10_000 });
    const halfOpen = after(often, tick(6_000), probeAnswered(6_000));
    expect(halfOpen.state).toEqual({ kind: 'half-open', probeSuccesses: 1, openMs: 10_000 });
    const recovering = after(halfOpen, probeAnswered(6_000), probeAnswered(6_000));
    expect(recovering.state).toMatchObject({ kind: 'recovering', openMs: 10_000 });
    expect(next(halfOpen, probeFailed(6_000)).state).toMatchObject({ kind: 'open', openMs: 15_000 });
  });

  it('is never open for longer than the cap, also the first time', () => {
    const short = step({ ...settings, maxOpenMs: 2_000 });
    expect(short(fresh, failed(0, vaultFailures['region.untrusted'])).state).toMatchObject({ openMs: 2_000 });
  });

  it('stays open for a time between nothing and openMs, in proportion to chance', () => {
    const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        chances,
        fc.nat(),
        fc.constantFrom<StateKind>('half-open', 'recovering'),
        (chance, atMs, kind) => {
          const event = probeFailed(atMs, vaultFailures['region.untrusted'], chance);
          const { state } = next(healthIn(states[kind]), event);
          expect(state).toEqual({ kind: 'open', openMs: 10_000, untilMs: atMs + 10_000 * chance });
        },
      ),
    );
  });
});

describe('calls that began before a circuit opened and end after it', () => {
  const opened = after(fresh, ...[1, 2, 3, 4, 5].map((atMs) => failed(atMs)));
  const late = (atMs: number): readonly HealthEvent[] =>
    Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? answered(atMs + at) : failed(atMs + at)));

  it('change nothing while it is open', () => {
    expect(opened.state.kind).toBe('open');
    expect(after(opened, ...late(6))).toBe(opened);
  });

  it('change nothing while it is half-open: only probes close it or open it again', () => {
    const halfOpen = after(opened, tick(2_505), probeAnswered(2_506));
    expect(halfOpen.state).toMatchObject({ kind: 'half-open', probeSuccesses: 1 });
    expect(after(halfOpen, ...late(2_507))).toBe(halfOpen);
  });

  it('do not bring back a region whose key cannot be used', () => {
    const misconfigured = healthIn(states.misconfigured);
    expect(after(misconfigured, ...late(nowMs))).toBe(misconfigured);
  });

  it('and a probe that outlived its half-open circuit leave it open', () => {
    const halfOpen = next(opened, tick(2_505));
    const again = next(halfOpen, failed(2_600, vaultFailures['region.untrusted']));
    expect(again.state).toMatchObject({ kind: 'open', openMs: 10_000 });
    expect(after(again, ...late(2_700), probeAnswered(2_900), probeFailed(2_901))).toBe(again);
  });
});

describe('a failed probe of a half-open circuit', () => {
  const elsewhere: Partial<Record<VaultFailureKind, StateKind>> = {
    'vault.misconfigured': 'misconfigured',
    'credentials.invalid': 'misconfigured',
  };

  it.each(vaultFailureKinds.filter((kind) => elsewhere[kind] === undefined))(
    'opens it for twice as long when it ended with %s',
    (kind) => {
      const now = next(healthIn(states['half-open']), probeFailed(nowMs, faults[kind]));
      expect(now.state).toEqual({ kind: 'open', openMs: 10_000, untilMs: nowMs + 5_000 });
      expect(now.why).toBe(kind === 'region.unavailable' ? 'region.unavailable: refused' : kind);
    },
  );

  it('takes the region where the failure itself leads', () => {
    for (const [kind, state] of Object.entries(elsewhere)) {
      const failure = vaultFailures[kind as VaultFailureKind];
      expect(next(healthIn(states['half-open']), probeFailed(nowMs, failure)).state.kind).toBe(state);
    }
    const suspected = next(healthIn(states['half-open']), mismatched(nowMs, 'a'));
    const wrong = probeFailed(nowMs, vaultFailures['ciphertext.mismatched']);
    expect(next(suspected, wrong).state.kind).toBe('quarantined');
  });
});

describe('a recovering region', () => {
  const recovering = healthIn({ ...states.recovering, openMs: 10_000 });
  const failures = (count: number): readonly HealthEvent[] =>
    Array.from({ length: count }, (_, at) => failed(nowMs + at));

  it('stays so after four failures in a row, and opens with the fifth, for twice as long as before', () => {
    const four = after(recovering, ...failures(4));
    expect([four.state.kind, four.sinceMs]).toEqual(['recovering', sinceMs]);
    const five = next(four, failed(nowMs + 4));
    expect(five).toMatchObject({
      state: { kind: 'open', openMs: 15_000 },
      why: 'region.unavailable: refused',
    });
  });

  it('opens when half of twenty calls failed, and not at half of nineteen', () => {
    const calls = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? answered(nowMs) : failed(nowMs)));
    expect(after(recovering, ...calls.slice(1)).state.kind).toBe('recovering');
    expect(after(recovering, ...calls).state.kind).toBe('open');
  });

  it('becomes healthy again although every tenth of its calls fails', () => {
    const opened = next(fresh, failed(0, vaultFailures['region.untrusted']));
    const tried = after(opened, tick(2_500), ...[1, 2, 3].map((ms) => probeAnswered(2_500 + ms)));
    const calls = Array.from({ length: 500 }, (_, at) => {
      const atMs = 2_503 + at * 20;
      return [at % 10 === 0 ? failed(atMs) : answered(atMs), tick(atMs)];
    });
    expect(after(tried, ...calls.flat()).state.kind).toBe('recovering');
    expect(after(tried, ...calls.flat(), tick(12_503)).state.kind).toBe('healthy');
  });
});

describe('a misconfigured region', () => {
  const probeMs = settings.misconfiguredProbeMs;
  const dueMs = 1_000 + probeMs;
  const first = next(fresh, failed(1_000, vaultFailures['vault.misconfigured']));

  it('waits for its next probe as long as configured', () => {
    expect(first).toEqual({
      ...fresh,
      state: { kind: 'misconfigured', reason: 'disabled', nextProbeMs: dueMs },
      sinceMs: 1_000,
      why: 'disabled',
    });
  });

  it('is probed sooner when only our credentials are invalid', () => {
    expect(next(fresh, failed(1_000, vaultFailures['credentials.invalid'])).state).toEqual({
      kind: 'misconfigured',
      reason: 'credentials',
      nextProbeMs: 6_000,
    });
  });

  it('has been so since the first time while probes find the same reason', () => {
    expect(next(first, probeFailed(dueMs, vaultFailures['vault.misconfigured']))).toEqual({
      ...first,
      state: { kind: 'misconfigured', reason: 'disabled', nextProbeMs: dueMs + probeMs },
    });
  });

  it('is so anew when the reason is another one', () => {
    const deleted = failed(9_000, { kind: 'vault.misconfigured', reason: 'pending-deletion' });
    expect(next(first, deleted)).toEqual({
      ...first,
      state: { kind: 'misconfigured', reason: 'pending-deletion', nextProbeMs: 9_000 + probeMs },
      sinceMs: 9_000,
      why: 'pending-deletion',
    });
  });

  it('is probed in time also while calls go on failing', () => {
    const calls = Array.from({ length: 120 }, (_, at) =>
      failed(1_000 + at * 500, vaultFailures['vault.misconfigured']),
    );
    expect(after(first, ...calls)).toBe(first);
  });

  it('is not probed again at once when a probe says nothing of the fault', () => {
    const said: readonly VaultFailureKind[] = [
      'region.throttled',
      'ciphertext.rejected',
      'ciphertext.mismatched',
      'vault.request-invalid',
      'call.aborted',
    ];
    for (const kind of said) {
      const now = next(first, probeFailed(dueMs, vaultFailures[kind]));
      expect(now.state).toEqual({ kind: 'misconfigured', reason: 'disabled', nextProbeMs: dueMs + probeMs });
    }
  });

  it('needs three right answers of probes, too', () => {
    const answers = [dueMs, dueMs + 100, dueMs + 200].map((atMs) => probeAnswered(atMs));
    expect(after(first, ...answers.slice(0, 2)).state).toEqual({
      kind: 'half-open',
      probeSuccesses: 2,
      openMs: 5_000,
    });
    expect(after(first, ...answers).state.kind).toBe('recovering');
  });
});

describe('a degraded region', () => {
  const degraded = after(fresh, { kind: 'slowed', atMs: 1_000 });
  const due = (health: RegionHealth): number =>
    'nextProbeMs' in health.state ? health.state.nextProbeMs : NaN;

  it('is probed a second after it became slow, and a second after each probe, however that ended', () => {
    expect(due(degraded)).toBe(2_000);
    expect(due(after(degraded, probeAnswered(2_100)))).toBe(3_100);
    for (const kind of vaultFailureKinds) {
      const health = after(degraded, probeFailed(2_100, vaultFailures[kind]));
      if (health.state.kind === 'degraded') expect(due(health)).toBe(3_100);
    }
  });

  it('waits for its probe as long as configured', () => {
    const patient = step({ ...settings, degradedProbeMs: 7_000 });
    const health = patient(fresh, { kind: 'slowed', atMs: 1_000 });
    expect(due(health)).toBe(8_000);
    expect(due(patient(health, probeAnswered(8_000)))).toBe(15_000);
  });

  it('is not probed later because of calls that fail meanwhile', () => {
    expect(due(after(degraded, failed(1_500)))).toBe(2_000);
  });

  it('opens when probes fail like calls', () => {
    const five = [2, 3, 4, 5, 6].map((second) => probeFailed(second * 1_000));
    expect(after(degraded, ...five).state.kind).toBe('open');
  });

  it('that is as fast as before is probed again when it has no requests', () => {
    const { state } = after(degraded, { kind: 'sped-up', atMs: 2_000 });
    expect(state).toEqual({ kind: 'healthy', calls: noCalls, nextProbeMs: 32_000 });
  });
});

describe('a healthy region without requests', () => {
  const firstDueMs = (health: RegionHealth): number | undefined =>
    Array.from({ length: 100_000 }, (_, atMs) => atMs).find((atMs) => needsProbe(health, atMs));

  it('is probed thirty seconds after its last answer, be it to a call or to a probe', () => {
    expect(firstDueMs(fresh)).toBe(30_000);
    expect(firstDueMs(after(fresh, answered(10_000)))).toBe(40_000);
    expect(firstDueMs(after(fresh, probeAnswered(30_100)))).toBe(60_100);
  });

  it('is probed a second after a failure, unless it answers before', () => {
    const doubted = after(fresh, failed(10_000));
    expect(firstDueMs(doubted)).toBe(11_000);
    expect(firstDueMs(after(doubted, answered(10_500)))).toBe(40_500);
  });

  it('is probed a second after a probe that failed, with whatever it failed', () => {
    for (const kind of vaultFailureKinds) {
      const health = after(fresh, probeFailed(30_000, vaultFailures[kind]));
      if (health.state.kind === 'healthy') expect(firstDueMs(health)).toBe(31_000);
    }
  });

  it('waits as long as configured', () => {
    const own = { ...settings, idleProbeMs: 7_000, degradedProbeMs: 3_000 };
    expect(firstDueMs(newRegionHealth(0, own))).toBe(7_000);
    expect(firstDueMs(step(own)(fresh, answered(1_000)))).toBe(8_000);
    expect(firstDueMs(step(own)(fresh, failed(1_000)))).toBe(4_000);
  });

  it('opens with the fifth probe in a row that fails, and not when one between is answered', () => {
    const failing = [30, 31, 32, 33].map((second) => probeFailed(second * 1_000));
    expect(after(fresh, ...failing).state.kind).toBe('healthy');
    expect(after(fresh, ...failing, probeFailed(34_000)).state.kind).toBe('open');
    expect(after(fresh, ...failing, probeAnswered(34_000), ...failing).state.kind).toBe('healthy');
  });

  it('is misconfigured as soon as a probe says so, and quarantined after two wrong answers', () => {
    const disabled = probeFailed(30_000, vaultFailures['vault.misconfigured']);
    expect(after(fresh, disabled).state.kind).toBe('misconfigured');
    const wrong = [30_000, 31_000].map((atMs) => probeFailed(atMs, vaultFailures['ciphertext.mismatched']));
    expect(after(fresh, ...wrong.slice(0, 1)).state.kind).toBe('healthy');
    expect(after(fresh, ...wrong).state.kind).toBe('quarantined');
  });
});

describe('rejected ciphertexts', () => {
  it('open the circuit with the third id in five minutes', () => {
    const two = after(fresh, rejected(0, 'a'), rejected(1_000, 'b'));
    expect(two).toEqual({
      ...fresh,
      faults: {
        mismatched: [],
        rejected: [
          { id: 'a', atMs: 0 },
          { id: 'b', atMs: 1_000 },
        ],
      },
    });
    expect(next(two, rejected(299_999, 'c'))).toEqual({
      ...fresh,
      state: { kind: 'open', openMs: 5_000, untilMs: 302_499 },
      sinceMs: 299_999,
      why: 'ciphertext.rejected',
    });
  });

  it('count no more after five minutes', () => {
    const later = after(fresh, rejected(0, 'a'), rejected(1_000, 'b'), rejected(300_000, 'c'));
    expect(later.state.kind).toBe('healthy');
    expect(later.faults.rejected.map(({ id }) => id)).toEqual(['b', 'c']);
  });

  it('count once per id, at its latest time', () => {
    const often = Array.from({ length: 50 }, (_, at) => rejected(at, 'a'));
    const one = after(fresh, ...often);
    expect(one).toEqual({ ...fresh, faults: { mismatched: [], rejected: [{ id: 'a', atMs: 49 }] } });
  });

  it('do not count without an id', () => {
    expect(next(fresh, probeFailed(0, vaultFailures['ciphertext.rejected'])).faults).toBe(fresh.faults);
  });
});

describe('wrong keys', () => {
  it('quarantine the region with the second id, however much later', () => {
    const one = next(fresh, mismatched(0, 'a'));
    expect(one).toEqual({ ...fresh, faults: { mismatched: ['a'], rejected: [] } });
    expect(next(one, mismatched(86_400_000, 'b'))).toEqual({
      state: { kind: 'quarantined' },
      sinceMs: 86_400_000,
      why: 'answered with wrong keys',
      faults: { mismatched: ['a', 'b'], rejected: [] },
    });
  });

  it('count once per id', () => {
    const one = next(fresh, mismatched(0, 'a'));
    expect(next(one, mismatched(1, 'a'))).toBe(one);
  });

  it('count each time when a canary comes out wrong: the second one quarantines the region', () => {
    const canary = (atMs: number): HealthEvent => probeFailed(atMs, vaultFailures['ciphertext.mismatched']);
    const one = next(healthIn(states['half-open']), canary(nowMs));
    expect(one.state).toEqual({ kind: 'open', openMs: 10_000, untilMs: nowMs + 5_000 });
    expect(one.faults.mismatched).toEqual(['canary 0']);
    const two = after(one, tick(10_000), canary(10_000));
    expect(two).toMatchObject({
      state: { kind: 'quarantined' },
      faults: { mismatched: ['canary 0', 'canary 1'] },
    });
  });

  it('count together, be they those of a canary or of an id', () => {
    const canary = probeFailed(nowMs, vaultFailures['ciphertext.mismatched']);
    const misconfigured = healthIn(states.misconfigured);
    expect(after(misconfigured, canary, mismatched(nowMs, 'a')).state.kind).toBe('quarantined');
    expect(after(misconfigured, mismatched(nowMs, 'a'), canary).state.kind).toBe('quarantined');
  });

  it.each(stateKinds.filter((kind) => kind !== 'quarantined' && kind !== 'drained'))(
    'quarantine a region that is %s',
    (kind) => {
      const now = after(healthIn(states[kind]), mismatched(nowMs, 'a'), mismatched(nowMs, 'b'));
      expect(now.state).toEqual({ kind: 'quarantined' });
    },
  );

  it('are forgiven by the operator, together with the rejected ones', () => {
    const quarantined = after(fresh, rejected(0, 'a'), mismatched(1, 'b'), mismatched(2, 'c'));
    expect(next(quarantined, operator('lift-quarantine', 3))).toEqual({
      state: { kind: 'half-open', probeSuccesses: 0, openMs: 5_000 },
      sinceMs: 3,
      why: 'operator',
      faults: { mismatched: [], rejected: [] },
    });
  });
});

describe('an operator', () => {
  it('drains a quarantined region and gets a quarantined one back', () => {
    const drained = next(healthIn(states.quarantined), operator('drain', 7_000));
    expect(drained.state).toEqual({ kind: 'drained', quarantined: true });
    expect(next(drained, operator('lift-quarantine', 8_000))).toBe(drained);
    expect(next(drained, operator('undrain', 9_000))).toEqual({
      ...healthIn(states.quarantined),
      sinceMs: 9_000,
      why: 'operator',
    });
  });

  it('gets any other drained region back to be tried anew', () => {
    const drained = next(healthIn(states.open), operator('drain', 7_000));
    expect(drained.state).toEqual({ kind: 'drained', quarantined: false });
    expect(next(drained, operator('undrain', 9_000)).state).toEqual({
      kind: 'half-open',
      probeSuccesses: 0,
      openMs: 5_000,
    });
  });
});

describe('the share of its traffic that a region may have', () => {
  it.each([
    [0.1, 0],
    [0.1, 3_333],
    [0.5, 3_334],
    [0.5, 6_666],
    [1, 6_667],
    [1, 10_000],
    [1, 60_000],
  ])('is %d after %d ms of recovery', (share, ms) => {
    expect(trafficShare(healthIn(states.recovering), settings, sinceMs + ms)).toBe(share);
  });

  it.each(stateKinds.filter((kind) => kind !== 'recovering'))('is whole for a region that is %s', (kind) => {
    expect(trafficShare(healthIn(states[kind]), settings, sinceMs)).toBe(1);
  });
});

describe('a probe', () => {
  it.each<[StateKind, boolean, number]>([
    ['healthy', false, nowMs],
    ['degraded', false, 5_499],
    ['degraded', true, 5_500],
    ['open', false, 9_000],
    ['half-open', true, nowMs],
    ['recovering', false, nowMs],
    ['misconfigured', false, 5_999],
    ['misconfigured', true, 6_000],
    ['quarantined', false, nowMs],
    ['drained', false, nowMs],
  ])('of a region that is %s is due: %s, at %d ms', (kind, due, atMs) => {
    expect(needsProbe(healthIn(states[kind]), atMs)).toBe(due);
  });
});

describe('after any sequence of events', () => {
  const isLeftToOperator = ({ state }: RegionHealth): boolean =>
    state.kind === 'drained' || state.kind === 'quarantined';

  /** Time passes, and the region answers well whenever it is asked: by requests in good states, else by probes. */
  const untilHealthy = (begin: RegionHealth, beginMs: number): number => {
    let health = begin;
    for (let atMs = beginMs; atMs <= beginMs + 120_000; atMs += 100) {
      health = after(health, tick(atMs), { kind: 'sped-up', atMs });
      if (health.state.kind === 'healthy') return atMs - beginMs;
      health = next(health, needsProbe(health, atMs) ? probeAnswered(atMs) : answered(atMs));
    }
    return Infinity;
  };

  it('good answers make a region healthy within 30 s', () => {
    fc.assert(
      fc.property(healthHistories(), ({ health, atMs }) => {
        fc.pre(!isLeftToOperator(health));
        expect(untilHealthy(health, atMs)).toBeLessThanOrEqual(30_000);
      }),
    );
  });

  it('answers to requests never change the state of a region, nor do single failures that of an ejected one', () => {
    fc.assert(
      fc.property(healthHistories(), ({ health, atMs }) => {
        expect(next(health, answered(atMs)).state.kind).toBe(health.state.kind);
        fc.pre(!('calls' in health.state));
        expect(after(health, answered(atMs), failed(atMs))).toBe(health);
      }),
    );
  });

  it('quarantine and drain are left only by an operator', () => {
    const doors: Partial<Record<StateKind, readonly string[]>> = {
      quarantined: ['lift-quarantine', 'drain'],
      drained: ['undrain'],
    };
    fc.assert(
      fc.property(healthHistories(), healthEvents, ({ health, atMs }, event) => {
        const leaving = doors[health.state.kind];
        fc.pre(leaving !== undefined);
        const now = next(health, { ...event, atMs });
        expect(now === health).toBe(!leaving.includes(event.kind));
      }),
    );
  });

  it('a drained region that was quarantined goes back to quarantine, any other is tried', () => {
    fc.assert(
      fc.property(healthHistories(), fc.array(liveEvents), ({ health, atMs }, meanwhile) => {
        fc.pre(health.state.kind !== 'drained');
        const now = after(health, operator('drain', atMs), ...meanwhile, operator('undrain', atMs + 1));
        expect(now.state.kind).toBe(health.state.kind === 'quarantined' ? 'quarantined' : 'half-open');
      }),
    );
  });

  it('what is remembered stays bounded', () => {
    fc.assert(
      fc.property(healthHistories(), ({ health: { state, faults } }) => {
        expect(faults.mismatched.length).toBeLessThanOrEqual(settings.mismatchedIds);
        expect(faults.rejected.length).toBeLessThan(settings.rejectedIds);
        if ('calls' in state) expect(state.calls.seconds.length).toBeLessThanOrEqual(10);
        if ('openMs' in state) expect(state.openMs).toBeLessThanOrEqual(settings.maxOpenMs);
      }),
    );
  });

  it('no state began after the event that made it', () => {
    fc.assert(
      fc.property(healthHistories(), ({ health, atMs }) => {
        expect(health.sinceMs).toBeLessThanOrEqual(atMs);
      }),
    );
  });

  it('the same object comes back when nothing changed', () => {
    fc.assert(
      fc.property(healthHistories(), healthEvents, ({ health, atMs }, event) => {
        const now = next(health, { ...event, atMs: atMs + 1 });
        expect(isDeepStrictEqual(now, health)).toBe(now === health);
      }),
    );
  });

  it('a region leaves its state at the time of an event, and only then gets another reason', () => {
    fc.assert(
      fc.property(healthHistories(), healthEvents, ({ health, atMs }, event) => {
        const now = next(health, { ...event, atMs: atMs + 1 });
        const moved = now.state.kind !== health.state.kind;
        const began = now.sinceMs === atMs + 1;
        const otherReason =
          now.state.kind === 'misconfigured' &&
          health.state.kind === 'misconfigured' &&
          now.state.reason !== health.state.reason;
        expect(began).toBe(moved || otherReason);
        if (!began) expect([now.sinceMs, now.why]).toEqual([health.sinceMs, health.why]);
      }),
    );
  });

  it('every kind of state is reached, so that the promises above speak of all', () => {
    const reached = fc
      .sample(healthHistories(), { numRuns: 2_000, seed: 3 })
      .map(({ health }) => health.state.kind);
    expect(new Set(reached)).toEqual(new Set(stateKinds));
  });
});

describe('a region whose calls have no answer in time', () => {
  const hedgeLost: RegionFault = { kind: 'region.unavailable', reason: 'hedge-lost' };
  const silent = (atMs: number, failure: RegionFault = timedOut): HealthEvent => failed(atMs, failure);
  const slow = after(fresh, ...[1, 2, 3, 4, 5].map((atMs) => silent(atMs)));
  const cause = { kind: 'time-outs', fastProbes: 0 };

  it.each([
    ['healthy', fresh],
    ['recovering', healthIn(states.recovering)],
  ])('is degraded instead of open, and probed at once, when it was %s', (_, before) => {
    const now = after(before, ...[1, 2, 3, 4].map((ms) => silent(ms)), silent(nowMs, hedgeLost));
    expect(now).toMatchObject({
      state: { kind: 'degraded', nextProbeMs: nowMs, cause },
      sinceMs: nowMs,
      why: 'slow: answers do not come in time',
    });
    expect(needsProbe(now, nowMs)).toBe(true);
  });

  it('opens as soon as its probe fails, too', () => {
    const open = next(slow, probeFailed(1_005, timedOut));
    expect(open).toMatchObject({ state: { kind: 'open' }, why: 'region.unavailable: timed-out' });
  });

  it('opens when calls fail in another way than by silence', () => {
    expect(next(slow, failed(6)).state.kind).toBe('open');
  });

  it.each<[Speed]>([['slow'], ['late']])(
    'stays degraded while its probes are %s, however many calls have no answer, and is probed every second',
    (speed) => {
      const probed = after(slow, probeAnswered(405, speed), probeAnswered(1_800, speed));
      expect(probed.state).toMatchObject({ kind: 'degraded', cause, nextProbeMs: 2_800 });
      const more = after(probed, ...Array.from({ length: 30 }, (_, at) => silent(1_900 + at)));
      expect(more).toMatchObject({ state: { kind: 'degraded', nextProbeMs: 2_800 }, sinceMs: 5 });
    },
  );

  it('is healthy again after three fast probes in a row, each sent at once', () => {
    const two = after(
      slow,
      probeAnswered(10),
      probeAnswered(20, 'slow'),
      probeAnswered(30),
      probeAnswered(40),
    );
    expect(two.state).toMatchObject({ kind: 'degraded', nextProbeMs: 40, cause: { fastProbes: 2 } });
    expect(next(two, probeAnswered(50))).toMatchObject({
      state: { kind: 'healthy' },
      sinceMs: 50,
      why: 'answers in time again',
    });
    expect(after(two, silent(45), probeAnswered(50)).state).toMatchObject({
      kind: 'degraded',
      cause: { fastProbes: 1 },
    });
  });

  it('does not become healthy because its measured latencies look usual', () => {
    expect(next(slow, { kind: 'sped-up', atMs: 250 })).toBe(slow);
  });

  it('and was slow already stays degraded since the same time', () => {
    const degraded = healthIn(states.degraded);
    const now = after(degraded, ...[1, 2, 3, 4, 5].map((ms) => silent(nowMs + ms)));
    expect(now).toEqual({
      ...degraded,
      state: { kind: 'degraded', calls: expect.anything(), nextProbeMs: nowMs + 5, cause },
    });
  });

  it('is degraded instead of recovering when its probe is late while it is half-open', () => {
    const halfOpen = healthIn(states['half-open']);
    expect(next(halfOpen, probeAnswered(nowMs, 'late'))).toMatchObject({
      state: { kind: 'degraded', cause, nextProbeMs: nowMs + settings.degradedProbeMs },
      why: 'slow: answers do not come in time',
    });
    expect(next(halfOpen, probeAnswered(nowMs, 'slow')).state).toMatchObject({ kind: 'half-open' });
  });

  it('while it is half-open tells what opened its circuit', () => {
    const open = next(slow, probeFailed(1_005, timedOut));
    expect(next(open, { kind: 'tick', atMs: 10_000 })).toMatchObject({
      state: { kind: 'half-open' },
      why: 'region.unavailable: timed-out',
    });
  });
});
