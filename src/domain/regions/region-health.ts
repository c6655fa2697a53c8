// What becomes of a region's health: `step` says what an event makes of it; time and chance come with the event. Quarantine
// and drain are left only by an operator; all else heals by itself.
import { counted, isTooMuch, noCalls } from './call-record.js';
import {
  halfOpenFor,
  healthyFrom,
  isLive,
  type AnswerEvent,
  type FailureEvent,
  type HealthEvent,
  type HealthSettings,
  type LiveEvent,
  type LiveHealth,
  type Misconfiguration,
  type RegionHealth,
  type RegionState,
} from './region-state.js';
import { mismatched, noIntegrityFaults, rejected } from './integrity-faults.js';

/** What `event` makes of `health`; the same object when it makes no difference. */
export const step =
  (settings: HealthSettings) =>
  (health: RegionHealth, event: HealthEvent): RegionHealth => {
    const { state } = health;
    switch (event.kind) {
      case 'drain':
        if (state.kind === 'drained') return health;
        return enter(
          health,
          { kind: 'drained', quarantined: state.kind === 'quarantined' },
          event,
          'operator',
        );
      case 'undrain':
        if (state.kind !== 'drained') return health;
        return state.quarantined
          ? enter(health, { kind: 'quarantined' }, event, 'operator')
          : enter(health, halfOpenFor(settings.openMs), event, 'operator');
      case 'lift-quarantine':
        if (state.kind !== 'quarantined') return health;
        return {
          ...enter(health, halfOpenFor(settings.openMs), event, 'operator'),
          suspicions: noIntegrityFaults,
        };
      case 'answered':
      case 'probe-answered':
      case 'failed':
      case 'probe-failed':
      case 'tick':
      case 'slowed':
      case 'sped-up':
        return isLive(health) ? live(settings, health, event) : health;
    }
  };

function live(settings: HealthSettings, health: LiveHealth, event: LiveEvent): RegionHealth {
  switch (event.kind) {
    case 'answered':
      return onAnswer(settings, health, event);
    case 'probe-answered':
      return onRightAnswer(settings, health, event);
    case 'failed':
    case 'probe-failed':
      return afterProbe(settings, event, health, onFailure(settings, health, event));
    case 'tick':
      return onTick(settings, health, event);
    case 'slowed':
      return onSlowed(settings, health, event);
    case 'sped-up':
      return health.state.kind === 'degraded'
        ? enter(health, healthyFrom(settings, health.state.calls, event), event, 'as fast as before')
        : health;
  }
}

/** A call of the region's usual traffic, or of the little that it gets while every region is left alone. */
function onAnswer(settings: HealthSettings, health: LiveHealth, event: AnswerEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'healthy') return heard(settings, health, state, event);
  if ('calls' in state)
    return { ...health, state: { ...state, calls: counted(state.calls, event.atMs, true) } };
  // Calls that began before the region was left alone may end late, and say nothing about it.
  if (event.likeProbeSinceMs === undefined || !(event.likeProbeSinceMs > health.sinceMs)) return health;
  if (state.kind === 'open') return mayBeBack(health, state.openMs, event);
  return state.kind === 'half-open' ? onRightAnswer(settings, health, event) : health;
}

function onSlowed(settings: HealthSettings, health: LiveHealth, event: HealthEvent): RegionHealth {
  if (health.state.kind !== 'healthy') return health;
  const nextProbeMs = event.atMs + settings.degradedProbeMs;
  const state: RegionState = { kind: 'degraded', calls: health.state.calls, nextProbeMs };
  return enter(health, state, event, 'slower than before and than the others');
}

/** The region did what probes ask for. Of one that is recovering or open, a probe that began before says nothing any more. */
function onRightAnswer(settings: HealthSettings, health: LiveHealth, event: HealthEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'healthy') return heard(settings, health, state, event);
  if (state.kind === 'misconfigured') return mayBeBack(health, settings.openMs, event);
  if (state.kind === 'degraded') return probedAgainAfter(settings.degradedProbeMs, health, state, event);
  if (state.kind !== 'half-open') return health;
  const probeSuccesses = state.probeSuccesses + 1;
  return probeSuccesses < settings.probeSuccesses
    ? { ...health, state: { ...state, probeSuccesses } }
    : enter(health, { kind: 'recovering', calls: noCalls, openMs: state.openMs }, event, 'it answers again');
}

function onFailure(settings: HealthSettings, health: LiveHealth, event: FailureEvent): RegionHealth {
  const { failure } = event;
  switch (failure.kind) {
    case 'region.unavailable':
      return onOutage(settings, health, event);
    case 'region.untrusted':
      return open(settings, health, event);
    case 'vault.misconfigured':
      return misconfigure(health, failure.reason, event, settings.misconfiguredProbeMs);
    case 'store.misconfigured':
      return misconfigure(health, 'table', event, settings.misconfiguredProbeMs);
    case 'credentials.invalid':
      return misconfigure(health, 'credentials', event, settings.openMs);
    case 'ciphertext.rejected':
      return onRejected(settings, health, event);
    case 'ciphertext.mismatched':
      return onMismatched(settings, health, event);
    case 'region.throttled':
    case 'vault.request-invalid':
    case 'call.aborted':
      return health;
  }
}

function onOutage(settings: HealthSettings, health: LiveHealth, event: FailureEvent): RegionHealth {
  const { state } = health;
  switch (state.kind) {
    case 'healthy':
    case 'degraded':
    case 'recovering': {
      const calls = counted(state.calls, event.atMs, false);
      if (isTooMuch(settings, calls)) return open(settings, health, event);
      const failed = { ...health, state: { ...state, calls } };
      // Its next call may be long in coming: then a probe tells whether this was the first failure or the only one.
      return failed.state.kind === 'healthy'
        ? probedAgainAfter(settings.degradedProbeMs, failed, failed.state, event)
        : failed;
    }
    case 'half-open':
    case 'misconfigured':
      return event.kind === 'probe-failed' ? open(settings, health, event) : health;
    case 'open':
      return health;
  }
}

/** A canary that is rejected accuses nobody: it is made anew. */
function onRejected(settings: HealthSettings, health: RegionHealth, event: FailureEvent): RegionHealth {
  const { id, atMs } = event;
  if (id === undefined) return health;
  const { suspicions, isRegions } = rejected(settings, health.suspicions, { id, atMs });
  const suspected = { ...health, suspicions };
  return isRegions ? open(settings, suspected, event) : suspected;
}

function onMismatched(settings: HealthSettings, health: RegionHealth, event: FailureEvent): RegionHealth {
  const { suspicions, isRegions } = mismatched(settings, health.suspicions, event.id);
  if (suspicions === health.suspicions) return health;
  const suspected = { ...health, suspicions };
  return isRegions
    ? enter(suspected, { kind: 'quarantined' }, event, 'it answered with wrong keys')
    : suspected;
}

function onTick(settings: HealthSettings, health: RegionHealth, event: HealthEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'open' && event.atMs >= state.untilMs) {
    return enter(health, halfOpenFor(state.openMs), event, 'time to try');
  }
  if (state.kind === 'recovering' && event.atMs - health.sinceMs >= settings.rampMs) {
    return enter(health, healthyFrom(settings, state.calls, event), event, 'it stayed well');
  }
  return health;
}

/**
 * Opens the circuit; for twice as long as the last time when it was not yet healthy again. Full jitter. What calls that were
 * under way find once it is open makes it no longer.
 */
function open(settings: HealthSettings, health: RegionHealth, event: FailureEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'open') return health;
  const before = 'openMs' in state ? state.openMs * 2 : settings.openMs;
  const openMs = Math.min(before, settings.maxOpenMs);
  const untilMs = event.atMs + openMs * event.chance;
  return enter(health, { kind: 'open', untilMs, openMs }, event, event.failure.kind);
}

function misconfigure(
  health: RegionHealth,
  reason: Misconfiguration,
  event: FailureEvent,
  probeAfterMs: number,
): RegionHealth {
  const state: RegionState = { kind: 'misconfigured', reason, nextProbeMs: event.atMs + probeAfterMs };
  const known = health.state.kind === 'misconfigured' && health.state.reason === reason;
  if (!known) return enter(health, state, event, reason);
  return event.kind === 'probe-failed' ? { ...health, state } : health;
}

/** A failed probe is not repeated at once, whatever it ended with: it left the region as it was, so that waits anew. */
function afterProbe(
  settings: HealthSettings,
  event: FailureEvent,
  { state }: RegionHealth,
  after: RegionHealth,
): RegionHealth {
  if (event.kind === 'failed') return after;
  if (after.state.kind === 'healthy' || after.state.kind === 'degraded') {
    return probedAgainAfter(settings.degradedProbeMs, after, after.state, event);
  }
  if (after.state !== state) return after;
  if (state.kind === 'half-open') return open(settings, after, event);
  if (state.kind !== 'misconfigured') return after;
  return probedAgainAfter(settings.misconfiguredProbeMs, after, state, event);
}

const probedAgainAfter = (
  waitMs: number,
  health: RegionHealth,
  state: Extract<RegionState, { readonly nextProbeMs: number }>,
  { atMs }: HealthEvent,
): RegionHealth => ({ ...health, state: { ...state, nextProbeMs: atMs + waitMs } });

/** The region answered: while it goes on answering, nobody needs to ask. */
const heard = (
  settings: HealthSettings,
  health: RegionHealth,
  { calls }: Extract<RegionState, { readonly kind: 'healthy' }>,
  event: HealthEvent,
): RegionHealth => ({ ...health, state: healthyFrom(settings, counted(calls, event.atMs, true), event) });

const mayBeBack = (health: RegionHealth, openMs: number, event: HealthEvent): RegionHealth =>
  enter(health, { kind: 'half-open', probeSuccesses: 1, openMs }, event, 'it may be back');

/** A new state, or the same kind for another reason, begins now. */
function enter(
  health: RegionHealth,
  state: RegionState,
  { atMs }: { readonly atMs: number },
  why: string,
): RegionHealth {
  return { ...health, state, sinceMs: atMs, why };
}
