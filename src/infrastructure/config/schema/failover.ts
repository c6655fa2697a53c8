// [failover]: when a region counts as failed, slow or healthy again, and how calls move between regions. The defaults are
// those of the design; a configuration file needs none of them.
import type { z } from 'zod';
import type { SupervisorSettings } from '../../../application/regions/region-supervisor.js';
import { defaultPaceSettings } from '../../../domain/regions/region-timing.js';
import { defaultHealthSettings } from '../../../domain/regions/region-state.js';
import { amount, choice, section, whole } from './rules.js';

const health = defaultHealthSettings;
const pace = defaultPaceSettings;
const milliseconds = (fallback: number) => whole(1, 3_600_000, 'milliseconds').default(fallback);
const share = amount('a number above 0 and up to 1', 0, 1, true);

export const failoverSchema = section({
  prefer: choice(['configured', 'fastest'])
    .default('configured')
    .describe(
      'Which healthy region is called first: by the order of [[regions]], or the one measured as fastest.',
    ),
  consecutive_failures: whole(1, 1_000, 'failures')
    .default(health.consecutiveFailures)
    .describe('This number of failures in a row opens a region’s circuit.'),
  failure_ratio: share
    .default(health.failureRatio)
    .describe('This share of failed calls within 10 s also opens it.'),
  min_calls: whole(1, 100_000, 'calls')
    .default(health.minCalls)
    .describe('The minimum number of calls within 10 s for failure_ratio to apply.'),
  open_ms: milliseconds(health.openMs).describe(
    'How long a circuit stays open the first time; the actual time is random, up to this value.',
  ),
  max_open_ms: milliseconds(health.maxOpenMs).describe(
    'The longest time a circuit stays open; the time doubles after each failed probe.',
  ),
  probe_successes: whole(1, 100, 'answers')
    .default(health.probeSuccesses)
    .describe('This number of correct canary answers closes the circuit.'),
  ramp_ms: milliseconds(health.rampMs).describe(
    'Within this time, a recovered region gets 10, then 50, then 100 % of its traffic.',
  ),
  misconfigured_probe_ms: milliseconds(health.misconfiguredProbeMs).describe(
    'The interval of probes to a region whose KMS key is disabled, missing or not permitted.',
  ),
  // Fewer probes would not be enough answers to say that a region is fast again.
  degraded_probe_ms: whole(1, 1_000, 'milliseconds')
    .default(health.degradedProbeMs)
    .describe(
      'How often a region that became slow is probed, to find out when it is as fast as before; and how soon one whose last call failed.',
    ),
  idle_probe_ms: milliseconds(health.idleProbeMs).describe(
    'A region without a successful call for this long is probed, so that an outage is noticed before the region is needed.',
  ),
  mismatched_ids: whole(1, 1_000, 'ids')
    .default(health.mismatchedIds)
    .describe(
      'A region that returns a wrong key for this number of ids is quarantined until an operator lifts the quarantine.',
    ),
  rejected_ids: whole(1, 1_000, 'ids')
    .default(health.rejectedIds)
    .describe('A region that rejects the ciphertexts of this number of ids counts as faulty.'),
  rejected_window_ms: milliseconds(health.rejectedWindowMs).describe(
    'The time within which rejected_ids are counted.',
  ),
  min_timeout_ms: milliseconds(pace.minTimeoutMs).describe(
    'The shortest time limit of one call; between the two limits it is the region’s p99.9.',
  ),
  max_timeout_ms: milliseconds(pace.maxTimeoutMs).describe('The longest time limit of one call.'),
  min_hedge_ms: milliseconds(pace.minHedgeMs).describe(
    'The shortest time until a second region is called as well (a hedge); between the two limits it is the region’s p95.',
  ),
  max_hedge_ms: milliseconds(pace.maxHedgeMs).describe(
    'The longest time until a second region is called as well.',
  ),
  min_pause_ms: milliseconds(50).describe('The shortest pause before all regions are tried a second time.'),
  max_pause_ms: milliseconds(200).describe('The longest pause; the actual pause is random between the two.'),
});

export type FailoverConfig = z.infer<typeof failoverSchema>;

/** How often the supervisor checks whether a probe or a change of state is due. */
const tickMs = 250;

export const supervisorSettings = (
  failover: FailoverConfig,
  unknownTimeoutMs: number,
): SupervisorSettings => ({
  health: {
    consecutiveFailures: failover.consecutive_failures,
    failureRatio: failover.failure_ratio,
    minCalls: failover.min_calls,
    openMs: failover.open_ms,
    maxOpenMs: failover.max_open_ms,
    probeSuccesses: failover.probe_successes,
    rampMs: failover.ramp_ms,
    misconfiguredProbeMs: failover.misconfigured_probe_ms,
    degradedProbeMs: failover.degraded_probe_ms,
    idleProbeMs: failover.idle_probe_ms,
    mismatchedIds: failover.mismatched_ids,
    rejectedIds: failover.rejected_ids,
    rejectedWindowMs: failover.rejected_window_ms,
  },
  pace: {
    minTimeoutMs: failover.min_timeout_ms,
    maxTimeoutMs: failover.max_timeout_ms,
    unknownTimeoutMs,
    minSamples: pace.minSamples,
    minHedgeMs: failover.min_hedge_ms,
    maxHedgeMs: failover.max_hedge_ms,
  },
  prefer: failover.prefer,
  tickMs,
  probeTimeoutMs: failover.max_timeout_ms,
});
