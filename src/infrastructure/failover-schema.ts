// [failover]: the numbers by which regions are judged, tried and left alone. Every one has the design's default; none of
// them needs to be in a file.
import { z } from 'zod';
import type { SupervisorSettings } from '../application/region-supervisor.js';
import { defaultPaceSettings } from '../domain/region-timing.js';
import { defaultHealthSettings } from '../domain/region-state.js';
import { choice, section, whole } from './config-rules.js';

const health = defaultHealthSettings;
const pace = defaultPaceSettings;
const milliseconds = (fallback: number) => whole(1, 3_600_000, 'milliseconds').default(fallback);
const share = { error: 'a number above 0 and up to 1' };

export const failoverSchema = section({
  prefer: choice(['configured', 'fastest']).default('configured'),
  failures_in_row: whole(1, 1_000).default(health.failuresInRow),
  failure_ratio: z.number(share).gt(0, share).max(1, share).default(health.failureRatio),
  ratio_calls: whole(1, 100_000).default(health.ratioCalls),
  open_ms: milliseconds(health.openMs),
  max_open_ms: milliseconds(health.maxOpenMs),
  right_answers: whole(1, 100).default(health.rightAnswers),
  ramp_ms: milliseconds(health.rampMs),
  misconfigured_probe_ms: milliseconds(health.misconfiguredProbeMs),
  degraded_probe_ms: milliseconds(health.degradedProbeMs),
  mismatched_ids: whole(1, 1_000).default(health.mismatchedIds),
  rejected_ids: whole(1, 1_000).default(health.rejectedIds),
  rejected_window_ms: milliseconds(health.rejectedWindowMs),
  least_timeout_ms: milliseconds(pace.leastTimeoutMs),
  most_timeout_ms: milliseconds(pace.mostTimeoutMs),
  least_hedge_ms: milliseconds(pace.leastHedgeMs),
  most_hedge_ms: milliseconds(pace.mostHedgeMs),
  least_pause_ms: milliseconds(50),
  most_pause_ms: milliseconds(200),
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
