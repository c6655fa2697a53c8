// Metrics for tests that are about something else: an empty page, and nothing is watched.
import { GuardedMetrics } from '../../src/application/access/guarded-metrics.js';
import type { Metrics } from '../../src/ports/metrics.js';

export const noMetrics: Metrics = {
  watch: () => undefined,
  export: () => Promise.resolve([]),
  read: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
};

export const guardedNoMetrics = new GuardedMetrics(noMetrics, false);
