// The states a region can be in, the events that change them, and the settings of the state machine. A state holds only
// the data that is valid in it. The transitions are in region-health.ts.
import { noCalls, type CallRecord, type FailureLimits } from './call-record.js';
import type { MisconfigurationReason } from '../failures/region-failures.js';
import type { RegionFault } from '../failures/store-failures.js';
import type { Speed } from './region-timing.js';
import { noIntegrityFaults, type IntegrityLimits, type IntegrityFaults } from './integrity-faults.js';

/** Settings of the state machine. Times are in milliseconds. */
export interface HealthSettings extends FailureLimits, IntegrityLimits {
  /** The longest time the circuit stays open at first; doubles each time it opens again, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** How many successful probes close the circuit, and how long the region then takes to get its full traffic back. */
  readonly probeSuccesses: number;
  readonly rampMs: number;
  /** The time between probes of a misconfigured region, and of one that is degraded or whose last call failed. */
  readonly misconfiguredProbeMs: number;
  readonly degradedProbeMs: number;
  /**
   * How long a healthy region may go without an answer before it is probed: without requests, nothing else finds a
   * failure.
   */
  readonly idleProbeMs: number;
}

/**
 * The defaults of the design, but with `maxOpenMs` and `misconfiguredProbeMs` of 15 s, so that a region that
 * recovered is used within 30 s.
 */
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
  /** Slow: probes find out whether it is fast again, or fails. */
  | {
      readonly kind: 'degraded';
      readonly calls: CallRecord;
      readonly nextProbeMs: number;
      readonly cause: SlowCause;
    }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openMs: number }
  | { readonly kind: 'half-open'; readonly probeSuccesses: number; readonly openMs: number }
  | { readonly kind: 'recovering'; readonly calls: CallRecord; readonly openMs: number }
  | { readonly kind: 'misconfigured'; readonly reason: Misconfiguration; readonly nextProbeMs: number }
  | { readonly kind: 'quarantined' }
  | { readonly kind: 'drained'; readonly quarantined: boolean };

/**
 * `latency`: it answers much more slowly than its baseline and than the other regions. `time-outs`: calls had no answer in
 * time, or its probe was late, until `fastProbes` in a row are enough.
 */
export type SlowCause =
  { readonly kind: 'latency' } | { readonly kind: 'time-outs'; readonly fastProbes: number };

/**
 * The circuit of a region: closed, it gets requests; half-open, only probes; open, neither while another region
 * answers.
 */
export type Circuit = 'closed' | 'half-open' | 'open';

/** :: state -> circuit. The list of all states. */
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
 * What only an operator can repair: the KMS key, our right to use it, our credentials, or the store's table in the
 * region, which is missing, forbidden or not that of this deployment.
 */
export type Misconfiguration = MisconfigurationReason | 'credentials' | 'table';

export interface RegionHealth {
  readonly state: RegionState;
  readonly sinceMs: number;
  /** Why the state was entered: a failure's kind, a reason, or a short phrase. */
  readonly why: string;
  /** Wrong answers so far, which may be the region's fault or that of single ciphertexts. */
  readonly faults: IntegrityFaults;
}

/** A region in a state that it can leave without an operator. */
export type LiveHealth = RegionHealth & {
  readonly state: Exclude<RegionState, { readonly kind: 'quarantined' | 'drained' }>;
};

export const isLive = (health: RegionHealth): health is LiveHealth =>
  health.state.kind !== 'quarantined' && health.state.kind !== 'drained';

export type HealthEvent = OperatorEvent | LiveEvent;

interface At {
  readonly atMs: number;
}
export type OperatorEvent = At & { readonly kind: 'drain' | 'undrain' | 'lift-quarantine' };
export type LiveEvent =
  FailureEvent | AnswerEvent | ProbeAnswerEvent | (At & { readonly kind: 'tick' | 'slowed' | 'sped-up' });
/** A request was answered. `likeProbeSinceMs`: when it began, if it did what a probe does; NaN when that is unknown. */
export interface AnswerEvent extends At {
  readonly kind: 'answered';
  readonly likeProbeSinceMs?: number;
  readonly speed: Speed;
}
export interface ProbeAnswerEvent extends At {
  readonly kind: 'probe-answered';
  readonly speed: Speed;
}
/** A request or a probe failed. `chance` is from 0 up to 1, for full jitter; `id` is the key's, absent for probes. */
export interface FailureEvent extends At {
  readonly kind: 'failed' | 'probe-failed';
  readonly failure: RegionFault;
  readonly chance: number;
  readonly id?: string;
}

type Healthy = Extract<RegionState, { readonly kind: 'healthy' }>;

/** Healthy from `atMs` on; probed after `idleProbeMs` without an answer. */
export const healthyFrom = (
  { idleProbeMs }: HealthSettings,
  calls: CallRecord,
  { atMs }: { readonly atMs: number },
): Healthy => ({ kind: 'healthy', calls, nextProbeMs: atMs + idleProbeMs });

/** `openMs` is the longest time that the circuit may have been open, in milliseconds: opening again doubles it. */
export const halfOpenFor = (openMs: number): RegionState => ({
  kind: 'half-open',
  probeSuccesses: 0,
  openMs,
});

export const newRegionHealth = (atMs: number, settings: HealthSettings): RegionHealth => ({
  state: healthyFrom(settings, noCalls, { atMs }),
  sinceMs: atMs,
  why: 'start',
  faults: noIntegrityFaults,
});

/** Identifies one entry into a state: a region may enter several states in one tick. */
export const entryOf = ({ state, sinceMs, why }: RegionHealth): string => `${state.kind} ${sinceMs} ${why}`;

/** Why a region cannot be used until an operator repairs it; undefined when it can. */
export const faultOf = ({ state }: RegionHealth): Misconfiguration | undefined =>
  state.kind === 'misconfigured' ? state.reason : undefined;

/** Whether a probe is due now. */
export const needsProbe = ({ state }: RegionHealth, atMs: number): boolean =>
  state.kind === 'half-open' || ('nextProbeMs' in state && atMs >= state.nextProbeMs);

/** Whether its calls are known to have no answer in time: the circuit is not closed, or they took too long. */
export const isSilent = ({ state }: RegionHealth): boolean =>
  state.kind === 'degraded' ? state.cause.kind === 'time-outs' : circuitOf[state.kind] !== 'closed';

/** The share (0 to 1) of its usual traffic that a region gets: 10, then 50, then 100 % while it recovers. */
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

/** Enters a state now: another one, or the same kind for another reason. */
export function enter(
  health: RegionHealth,
  state: RegionState,
  { atMs }: { readonly atMs: number },
  why: string,
): RegionHealth {
  return { ...health, state, sinceMs: atMs, why };
}

/** The next probe of the region is due in `waitMs`. */
export const probeAfter = (
  waitMs: number,
  health: RegionHealth,
  state: Extract<RegionState, { readonly nextProbeMs: number }>,
  { atMs }: HealthEvent,
): RegionHealth => ({ ...health, state: { ...state, nextProbeMs: atMs + waitMs } });
