// The state machine of a region's health: `step` computes the next state from the current one and an event. Time and
// chance come with the event; nothing here reads a clock. Only an operator ends a quarantine or a drain; a region
// leaves every other state by itself.
import { counted, exceedsLimits, noCalls } from './call-record.js';
import {
  enter,
  halfOpenFor,
  healthyFrom,
  isLive,
  probeAfter,
  type AnswerEvent,
  type FailureEvent,
  type HealthEvent,
  type HealthSettings,
  type LiveEvent,
  type LiveHealth,
  type Misconfiguration,
  type ProbeAnswerEvent,
  type RegionHealth,
  type RegionState,
} from './region-state.js';
import { answeredWhileDegraded, mayBeSlow, onSlowed, suspect } from './slow-region.js';
import { mismatched, noIntegrityFaults, rejected } from './integrity-faults.js';

/** The health after `event`: the same object when the event changes nothing. */
export const step =
  (settings: HealthSettings) =>
  (health: RegionHealth, event: HealthEvent): RegionHealth => {
    const { state } = health;
    const byOperator = (next: RegionState): RegionHealth => enter(health, next, event, 'operator');
    switch (event.kind) {
      case 'drain':
        if (state.kind === 'drained') return health;
        return byOperator({ kind: 'drained', quarantined: state.kind === 'quarantined' });
      case 'undrain':
        if (state.kind !== 'drained') return health;
        return byOperator(state.quarantined ? { kind: 'quarantined' } : halfOpenFor(settings.openMs));
      case 'lift-quarantine':
        if (state.kind !== 'quarantined') return health;
        return { ...byOperator(halfOpenFor(settings.openMs)), faults: noIntegrityFaults };
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
      return health.state.kind === 'degraded' && health.state.cause.kind === 'latency'
        ? enter(health, healthyFrom(settings, health.state.calls, event), event, 'latency back to normal')
        : health;
  }
}

/** An answer to a request. An ejected region answers requests too: when all regions are ejected, all are tried. */
function onAnswer(settings: HealthSettings, health: LiveHealth, event: AnswerEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'healthy') return answeredWhileHealthy(settings, health, state, event);
  if ('calls' in state)
    return { ...health, state: { ...state, calls: counted(state.calls, event.atMs, true) } };
  // A call that began before the circuit opened may end after that, and says nothing about the region now.
  if (event.likeProbeSinceMs === undefined || !(event.likeProbeSinceMs > health.sinceMs)) return health;
  if (state.kind === 'open') return toHalfOpen(health, state.openMs, event);
  return state.kind === 'half-open' ? onRightAnswer(settings, health, event) : health;
}

/**
 * The region did what a probe does. While it is recovering or open, this is a probe that began before, and is
 * ignored.
 */
function onRightAnswer(
  settings: HealthSettings,
  health: LiveHealth,
  event: AnswerEvent | ProbeAnswerEvent,
): RegionHealth {
  const { state } = health;
  if (state.kind === 'healthy') return answeredWhileHealthy(settings, health, state, event);
  if (state.kind === 'misconfigured') return toHalfOpen(health, settings.openMs, event);
  if (state.kind === 'degraded') return answeredWhileDegraded(settings, health, state, event);
  if (state.kind !== 'half-open') return health;
  // Requests would not wait for it: it is slow, not down.
  if (event.speed === 'late') return suspect(health, noCalls, event.atMs + settings.degradedProbeMs, event);
  const probeSuccesses = state.probeSuccesses + 1;
  return probeSuccesses < settings.probeSuccesses
    ? { ...health, state: { ...state, probeSuccesses } }
    : enter(health, { kind: 'recovering', calls: noCalls, openMs: state.openMs }, event, 'probes succeeded');
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
      const maySlow = mayBeSlow(event);
      const isSuspected = state.kind === 'degraded' && state.cause.kind === 'time-outs';
      if (maySlow && isSuspected) return suspect(health, calls, state.nextProbeMs, event);
      if (exceedsLimits(settings, calls)) {
        return maySlow ? suspect(health, calls, event.atMs, event) : open(settings, health, event);
      }
      const failed = { ...health, state: { ...state, calls } };
      // Its next request may come much later: a probe finds out whether this was the first failure or the only one.
      return failed.state.kind === 'healthy'
        ? probeAfter(settings.degradedProbeMs, failed, failed.state, event)
        : failed;
    }
    case 'half-open':
    case 'misconfigured':
      return event.kind === 'probe-failed' ? open(settings, health, event) : health;
    case 'open':
      return health;
  }
}

/** A rejected canary has no id, and says nothing about the region: the canary is made again. */
function onRejected(settings: HealthSettings, health: RegionHealth, event: FailureEvent): RegionHealth {
  const { id, atMs } = event;
  if (id === undefined) return health;
  const { faults, isRegionFault } = rejected(settings, health.faults, { id, atMs });
  const withFault = { ...health, faults };
  return isRegionFault ? open(settings, withFault, event) : withFault;
}

function onMismatched(settings: HealthSettings, health: RegionHealth, event: FailureEvent): RegionHealth {
  const { faults, isRegionFault } = mismatched(settings, health.faults, event.id);
  if (faults === health.faults) return health;
  const withFault = { ...health, faults };
  return isRegionFault
    ? enter(withFault, { kind: 'quarantined' }, event, 'answered with wrong keys')
    : withFault;
}

function onTick(settings: HealthSettings, health: RegionHealth, event: HealthEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'open' && event.atMs >= state.untilMs) {
    // What opened the circuit is still why the region is not used.
    return enter(health, halfOpenFor(state.openMs), event, health.why);
  }
  if (state.kind === 'recovering' && event.atMs - health.sinceMs >= settings.rampMs) {
    return enter(health, healthyFrom(settings, state.calls, event), event, 'ramp completed');
  }
  return health;
}

/**
 * Opens the circuit, with full jitter; for up to twice as long as last time if the region has not been healthy since.
 * Calls that fail while it is open do not prolong that.
 */
function open(settings: HealthSettings, health: RegionHealth, event: FailureEvent): RegionHealth {
  const { state } = health;
  if (state.kind === 'open') return health;
  const before = 'openMs' in state ? state.openMs * 2 : settings.openMs;
  const openMs = Math.min(before, settings.maxOpenMs);
  const untilMs = event.atMs + openMs * event.chance;
  return enter(health, { kind: 'open', untilMs, openMs }, event, whyOf(event.failure));
}

/** As `region.unavailable: reset`. */
const whyOf = (failure: FailureEvent['failure']): string =>
  failure.kind === 'region.unavailable' ? `${failure.kind}: ${failure.reason}` : failure.kind;

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

/**
 * A failed probe is not repeated at once, whatever its failure was: where it changed no state, the wait starts again.
 */
function afterProbe(
  settings: HealthSettings,
  event: FailureEvent,
  { state }: RegionHealth,
  after: RegionHealth,
): RegionHealth {
  if (event.kind === 'failed') return after;
  if (after.state.kind === 'healthy' || after.state.kind === 'degraded') {
    return probeAfter(settings.degradedProbeMs, after, after.state, event);
  }
  if (after.state !== state) return after;
  if (state.kind === 'half-open') return open(settings, after, event);
  if (state.kind !== 'misconfigured') return after;
  return probeAfter(settings.misconfiguredProbeMs, after, state, event);
}

/** As long as requests are answered, no probe is needed: each answer postpones the next one. */
const answeredWhileHealthy = (
  settings: HealthSettings,
  health: RegionHealth,
  { calls }: Extract<RegionState, { readonly kind: 'healthy' }>,
  event: HealthEvent,
): RegionHealth => ({ ...health, state: healthyFrom(settings, counted(calls, event.atMs, true), event) });

const toHalfOpen = (health: RegionHealth, openMs: number, event: HealthEvent): RegionHealth =>
  enter(health, { kind: 'half-open', probeSuccesses: 1, openMs }, event, 'answered once');
