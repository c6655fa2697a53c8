// When a region is slow rather than down, and when it is fast again. Decides nothing about failures that are not silence.
import { counted, type CallRecord } from './call-record.js';
import {
  enter,
  healthyFrom,
  type AnswerEvent,
  type FailureEvent,
  type HealthEvent,
  type HealthSettings,
  type LiveHealth,
  type ProbeAnswerEvent,
  type RegionHealth,
  type RegionState,
} from './region-state.js';

export function onSlowed(settings: HealthSettings, health: LiveHealth, event: HealthEvent): RegionHealth {
  if (health.state.kind !== 'healthy') return health;
  const nextProbeMs = event.atMs + settings.degradedProbeMs;
  const cause = { kind: 'latency' } as const;
  const state: RegionState = { kind: 'degraded', calls: health.state.calls, nextProbeMs, cause };
  return enter(health, state, event, 'slower than its baseline and the other regions');
}

/**
 * Calls get no answer in time: the region may be slow, or down. It gets fewer requests until a probe decides.
 */
export function suspect(
  health: LiveHealth,
  calls: CallRecord,
  nextProbeMs: number,
  event: HealthEvent,
): RegionHealth {
  const cause = { kind: 'time-outs', fastProbes: 0 } as const;
  const state: RegionState = { kind: 'degraded', calls, nextProbeMs, cause };
  return health.state.kind === 'degraded'
    ? { ...health, state }
    : enter(health, state, event, 'slow: answers do not come in time');
}

/** A request had no answer in time. Whether the region is slow or down shows when a probe, which waits longer, ends. */
export const mayBeSlow = ({ kind, failure }: FailureEvent): boolean =>
  kind === 'failed' &&
  failure.kind === 'region.unavailable' &&
  (failure.reason === 'timed-out' || failure.reason === 'hedge-lost');

/** Each answer to a probe shows that the region is not down; after time-outs, only fast ones in a row end the state. */
export function answeredWhileDegraded(
  settings: HealthSettings,
  health: RegionHealth,
  { cause, ...state }: Extract<RegionState, { readonly kind: 'degraded' }>,
  event: AnswerEvent | ProbeAnswerEvent,
): RegionHealth {
  const nextProbeMs = event.atMs + settings.degradedProbeMs;
  if (cause.kind === 'latency') return { ...health, state: { ...state, cause, nextProbeMs } };
  const calls = counted(state.calls, event.atMs, true);
  const later = { ...state, calls, nextProbeMs, cause: { ...cause, fastProbes: 0 } };
  if (event.speed !== 'fast') return { ...health, state: later };
  const fastProbes = cause.fastProbes + 1;
  if (fastProbes >= settings.probeSuccesses) {
    return enter(health, healthyFrom(settings, calls, event), event, 'answers in time again');
  }
  // The next one at once: a short pause of the region is soon over.
  return { ...health, state: { ...later, nextProbeMs: event.atMs, cause: { ...cause, fastProbes } } };
}
