// [failover]: the numbers by which regions are judged, tried and left alone. Every one has the design's default; none of
// them needs to be in a file.
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
    .describe('Which healthy region comes first: the order of [[regions]], or the fastest by measurement.'),
  consecutive_failures: whole(1, 1_000, 'failures')
    .default(health.consecutiveFailures)
    .describe('So many failures in a row open a region’s circuit.'),
  failure_ratio: share
    .default(health.failureRatio)
    .describe('So large a share of failed calls within 10 s opens it as well.'),
  min_calls: whole(1, 100_000, 'calls')
    .default(health.minCalls)
    .describe('Of so many calls within 10 s at least, for the share to count.'),
  open_ms: milliseconds(health.openMs).describe(
    'How long an open circuit keeps traffic away at first; the actual time is random, up to it.',
  ),
  max_open_ms: milliseconds(health.maxOpenMs).describe('How long at most, after doubling each time.'),
  probe_successes: whole(1, 100, 'answers')
    .default(health.probeSuccesses)
    .describe('So many right answers of the canary close the circuit.'),
  ramp_ms: milliseconds(health.rampMs).describe(
    'Within this time a region that came back gets 10, 50 and 100 % of its traffic.',
  ),
  misconfigured_probe_ms: milliseconds(health.misconfiguredProbeMs).describe(
    'How often a region with a disabled, missing or forbidden KMS key is probed.',
  ),
  // Fewer probes would not be enough answers to say that a region is fast again.
  degraded_probe_ms: whole(1, 1_000, 'milliseconds')
    .default(health.degradedProbeMs)
    .describe(
      'How often a region that became slow is probed, to find out when it is as fast as before; and how soon one whose last call failed.',
    ),
  idle_probe_ms: milliseconds(health.idleProbeMs).describe(
    'A region that answered nobody for so long is probed, so that its end is noticed before it is needed.',
  ),
  mismatched_ids: whole(1, 1_000, 'ids')
    .default(health.mismatchedIds)
    .describe(
      'A region that answers so many ids with a wrong key is quarantined, until an operator lifts it.',
    ),
  rejected_ids: whole(1, 1_000, 'ids')
    .default(health.rejectedIds)
    .describe('A region that rejects the ciphertexts of so many ids is itself at fault.'),
  rejected_window_ms: milliseconds(health.rejectedWindowMs).describe('Within this time.'),
  min_timeout_ms: milliseconds(pace.minTimeoutMs).describe(
    'The least time that one call may take; in between it is the region’s p99.9.',
  ),
  max_timeout_ms: milliseconds(pace.maxTimeoutMs).describe('The most time that one call may take.'),
  min_hedge_ms: milliseconds(pace.minHedgeMs).describe(
    'The least time until a second region is asked as well; in between it is the region’s p95.',
  ),
  max_hedge_ms: milliseconds(pace.maxHedgeMs).describe(
    'The most time until a second region is asked as well.',
  ),
  min_pause_ms: milliseconds(50).describe('The shortest pause before all regions are tried a second time.'),
  max_pause_ms: milliseconds(200).describe('The longest; the actual pause is random between the two.'),
});

export type FailoverConfig = z.infer<typeof failoverSchema>;

/** How often the supervisor looks at the time. */
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
