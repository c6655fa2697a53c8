// The states a region can be in, what can happen to it, and the numbers that decide. A state holds only what is valid in it.
import { noCalls, type CallRecord, type FailureLimits } from './call-record.js';
import type { MisconfigurationReason } from '../failures/region-failures.js';
import type { RegionFault } from '../failures/store-failures.js';
import { noIntegrityFaults, type IntegrityLimits, type IntegrityFaults } from './integrity-faults.js';

/** The numbers of the machine. Times are in milliseconds. */
export interface HealthSettings extends FailureLimits, IntegrityLimits {
  /** How long the circuit stays open at most, at first and at last; doubles whenever it opens again. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** How many right answers close it again, and how long the region then takes to get its full traffic back. */
  readonly probeSuccesses: number;
  readonly rampMs: number;
  /** How long a misconfigured region waits for its next probe, and one that is degraded or whose last call failed. */
  readonly misconfiguredProbeMs: number;
  readonly degradedProbeMs: number;
  /** How long a healthy region may go without an answer before it is probed: nobody else would notice its end. */
  readonly idleProbeMs: number;
}

/** The design's defaults, save two: with its 60 s between tries or probes, no region could be back within 30 s of its recovery. */
export const defaultHealthSettings: HealthSettings = {
  consecutiveFailures: 5,
  failureRatio: 0.5,
  minCalls: 20,
  openMs: 5_000,
  maxOpenMs: 15_000,
  probeSuccesses: 3,
  rampMs: 10_000,
  misconfiguredProbeMs: 15_000,
  degradedProbeMs: 1_000,
  idleProbeMs: 30_000,
  mismatchedIds: 2,
  rejectedIds: 3,
  rejectedWindowMs: 300_000,
};

export type RegionState =
  | { readonly kind: 'healthy'; readonly calls: CallRecord; readonly nextProbeMs: number }
  /** Answers, but much more slowly than it used to and than the others do. Probes tell when it is fast again. */
  | { readonly kind: 'degraded'; readonly calls: CallRecord; readonly nextProbeMs: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openMs: number }
  | { readonly kind: 'half-open'; readonly probeSuccesses: number; readonly openMs: number }
  | { readonly kind: 'recovering'; readonly calls: CallRecord; readonly openMs: number }
  | { readonly kind: 'misconfigured'; readonly reason: Misconfiguration; readonly nextProbeMs: number }
  | { readonly kind: 'quarantined' }
  | { readonly kind: 'drained'; readonly quarantined: boolean };

/** What a state means for the traffic that a region may have. */
export type Circuit = 'closed' | 'half-open' | 'open';

/** :: state -> circuit. All states there are, for whoever has to name each. */
export const circuitOf = {
  healthy: 'closed',
  degraded: 'closed',
  recovering: 'closed',
  'half-open': 'half-open',
  open: 'open',
  misconfigured: 'open',
  quarantined: 'open',
  drained: 'open',
} as const satisfies Record<RegionState['kind'], Circuit>;

/**
 * What only an operator can repair: the KMS key, our right to use it, our credentials, or the store's table in the region,
 * which is missing, forbidden or not that of this deployment.
 */
export type Misconfiguration = MisconfigurationReason | 'credentials' | 'table';

export interface RegionHealth {
  readonly state: RegionState;
  readonly sinceMs: number;
  /** Why the state was entered; a failure's kind, or a few words. */
  readonly why: string;
  readonly suspicions: IntegrityFaults;
}

/** A region that is not left to the operator. */
export type LiveHealth = RegionHealth & {
  readonly state: Exclude<RegionState, { readonly kind: 'quarantined' | 'drained' }>;
};

export const isLive = (health: RegionHealth): health is LiveHealth =>
  health.state.kind !== 'quarantined' && health.state.kind !== 'drained';

/** `chance` is from 0 up to 1, for full jitter; `id` names the key that the call was about. */
export type HealthEvent = OperatorEvent | LiveEvent;

interface At {
  readonly atMs: number;
}
export type OperatorEvent = At & { readonly kind: 'drain' | 'undrain' | 'lift-quarantine' };
export type LiveEvent =
  FailureEvent | AnswerEvent | (At & { readonly kind: 'probe-answered' | 'tick' | 'slowed' | 'sped-up' });
/** A call went well; `likeProbeSinceMs` is when it began, if it asked for what probes ask for. NaN, unknown, is after nothing. */
export interface AnswerEvent extends At {
  readonly kind: 'answered';
  readonly likeProbeSinceMs?: number;
}
export interface FailureEvent extends At {
  readonly kind: 'failed' | 'probe-failed';
  readonly failure: RegionFault;
  readonly chance: number;
  readonly id?: string;
}

type Healthy = Extract<RegionState, { readonly kind: 'healthy' }>;

/** Probed after a while, unless it answers before. */
export const healthyFrom = (
  { idleProbeMs }: HealthSettings,
  calls: CallRecord,
  { atMs }: { readonly atMs: number },
): Healthy => ({ kind: 'healthy', calls, nextProbeMs: atMs + idleProbeMs });

/** `openMs` is how long the circuit was open at most. */
export const halfOpenFor = (openMs: number): RegionState => ({
  kind: 'half-open',
  probeSuccesses: 0,
  openMs,
});

export const newRegionHealth = (atMs: number, settings: HealthSettings): RegionHealth => ({
  state: healthyFrom(settings, noCalls, { atMs }),
  sinceMs: atMs,
  why: 'start',
  suspicions: noIntegrityFaults,
});

/** Whether a probe is due: one that decrypts the canary, or asks about the key. */
export const needsProbe = ({ state }: RegionHealth, atMs: number): boolean =>
  state.kind === 'half-open' || ('nextProbeMs' in state && atMs >= state.nextProbeMs);

/** The share of its usual traffic that a region may have: 10, 50, 100 % while it recovers. */
export function trafficShare(
  { state, sinceMs }: RegionHealth,
  settings: HealthSettings,
  atMs: number,
): number {
  if (state.kind !== 'recovering') return 1;
  const progress = (atMs - sinceMs) / settings.rampMs;
  if (progress < 1 / 3) return 0.1;
  return progress < 2 / 3 ? 0.5 : 1;
}
