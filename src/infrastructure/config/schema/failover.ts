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
  failures_in_row: whole(1, 1_000, 'failures')
    .default(health.failuresInRow)
    .describe('So many failures in a row open a region’s circuit.'),
  failure_ratio: share
    .default(health.failureRatio)
    .describe('So large a share of failed calls within 10 s opens it as well.'),
  ratio_calls: whole(1, 100_000, 'calls')
    .default(health.ratioCalls)
    .describe('Of so many calls within 10 s at least, for the share to count.'),
  open_ms: milliseconds(health.openMs).describe(
    'How long an open circuit keeps traffic away at first; the actual time is random, up to it.',
  ),
  max_open_ms: milliseconds(health.maxOpenMs).describe('How long at most, after doubling each time.'),
  right_answers: whole(1, 100, 'answers')
    .default(health.rightAnswers)
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
  least_timeout_ms: milliseconds(pace.leastTimeoutMs).describe(
    'The least time that one call may take; in between it is the region’s p99.9.',
  ),
  most_timeout_ms: milliseconds(pace.mostTimeoutMs).describe('The most time that one call may take.'),
  least_hedge_ms: milliseconds(pace.leastHedgeMs).describe(
    'The least time until a second region is asked as well; in between it is the region’s p95.',
  ),
  most_hedge_ms: milliseconds(pace.mostHedgeMs).describe(
    'The most time until a second region is asked as well.',
  ),
  least_pause_ms: milliseconds(50).describe('The shortest pause before all regions are tried a second time.'),
  most_pause_ms: milliseconds(200).describe('The longest; the actual pause is random between the two.'),
});

export type FailoverConfig = z.infer<typeof failoverSchema>;

/** How often the supervisor looks at the time. */
const tickMs = 250;

export const supervisorSettings = (
  failover: FailoverConfig,
  unknownTimeoutMs: number,
): SupervisorSettings => ({
  health: {
    failuresInRow: failover.failures_in_row,
    failureRatio: failover.failure_ratio,
    ratioCalls: failover.ratio_calls,
    openMs: failover.open_ms,
    maxOpenMs: failover.max_open_ms,
    rightAnswers: failover.right_answers,
    rampMs: failover.ramp_ms,
    misconfiguredProbeMs: failover.misconfigured_probe_ms,
    degradedProbeMs: failover.degraded_probe_ms,
    idleProbeMs: failover.idle_probe_ms,
    mismatchedIds: failover.mismatched_ids,
    rejectedIds: failover.rejected_ids,
    rejectedWindowMs: failover.rejected_window_ms,
  },
  pace: {
    leastTimeoutMs: failover.least_timeout_ms,
    mostTimeoutMs: failover.most_timeout_ms,
    unknownTimeoutMs,
    enoughSamples: pace.enoughSamples,
    leastHedgeMs: failover.least_hedge_ms,
    mostHedgeMs: failover.most_hedge_ms,
  },
  prefer: failover.prefer,
  tickMs,
  probeTimeoutMs: failover.most_timeout_ms,
});
