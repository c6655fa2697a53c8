// Metrics in which every series there can be has been seen: one of each event, and a service that has everything.
import { PrometheusMetrics } from '../../src/adapters/prometheus/prometheus-metrics.js';
import type { RegionReading } from '../../src/ports/metrics.js';
import type { RequestAnswered, TelemetryEvent } from '../../src/ports/telemetry.js';
import { keyId, keyVersion, region } from './names.js';

const here = region('us-east-1');
const there = region('us-east-2');
const version = keyVersion(1);
const id = keyId('orders/7');
const timedOut = { kind: 'region.unavailable', reason: 'timed-out' } as const;

export const answered: RequestAnswered = {
  event: 'request.answered',
  requestId: 'canary-request-id',
  route: '/key',
  method: 'GET',
  status: 200,
  durationMs: 7,
  callerLeft: false,
  served: {
    region: there,
    created: false,
    copies: 2,
    regions: 3,
    attempts: 2,
    hedged: false,
    failover: 'failed',
  },
};

/** One of every kind of event, with all that it may carry. */
export const everyEvent: readonly TelemetryEvent[] = [
  answered,
  { ...answered, callerLeft: true },
  { event: 'single-flight.joined' },
  { event: 'record.lost', id },
  { event: 'vault.call', region: here, operation: 'decrypt', durationMs: 12, keyId: id },
  {
    event: 'vault.call',
    region: here,
    operation: 'decrypt',
    durationMs: 300,
    failure: timedOut,
    hedge: true,
  },
  { event: 'store.answered', operation: 'find', durationMs: 3 },
  { event: 'store.answered', operation: 'find', durationMs: 3, failure: { kind: 'store.throttled' } },
  { event: 'store.call', region: here, operation: 'find', durationMs: 3 },
  { event: 'store.call', region: here, operation: 'find', durationMs: 3, failure: timedOut },
  { event: 'region.transition', region: here, from: 'healthy', to: 'open', why: 'canary-why' },
  { event: 'store-region.transition', region: here, from: 'healthy', to: 'open', why: 'canary-why' },
  { event: 'key.created', id, missing: [there] },
  {
    event: 'key.creation-refused',
    id,
    failure: { kind: 'regions.below-quorum', proven: 1, quorum: 2, attempts: [] },
  },
  { event: 'key.repaired', id, version, added: [here], replaced: [there], dropped: [there] },
  { event: 'key.repair-failed', id, version, failed: [{ region: here, failure: timedOut }] },
  { event: 'key.repair-failed', id, version, failed: [], failure: { kind: 'key.not-found' } },
  { event: 'repairs.dropped', count: 4 },
  { event: 'audit.flushed', lines: 3, durationMs: 2, failed: false },
  { event: 'audit.flushed', lines: 3, durationMs: 2, failed: true },
  { event: 'connection.refused', listener: 'server', reason: 'unread' },
];

const readings: readonly RegionReading[] = [
  { region: there, state: { kind: 'healthy' }, sinceMs: 5_000, overQuota: true },
  { region: here, state: { kind: 'open' }, sinceMs: 2_500, overQuota: false },
];

/** `others`: what the other workers export. */
export function fullMetrics(others: readonly unknown[] = []): PrometheusMetrics {
  const metrics = new PrometheusMetrics({
    version: '1.2.3',
    nodeVersion: '24.0.0',
    quorum: 2,
    maxInFlight: 9,
  });
  metrics.watch({
    regions: () => readings,
    storeRegions: () => readings,
    recordCache: () => ({ records: 8, reads: { fresh: 3, stale: 2, miss: 1 } }),
    peers: { counts: () => ({ running: 13, replaced: 14 }), metrics: () => Promise.resolve(others) },
    keyCache: () => ({ keys: 10, reads: { hit: 12, miss: 11 } }),
    waitingRepairs: () => 5,
    requestsInFlight: () => 6,
    certificates: () => [
      { file: 'cert.pem', notAfterMs: 9_000 },
      { file: 'cert.pem', notAfterMs: 7_000 },
    ],
    isAuditWorking: () => true,
    missingKeys: () => 3,
    isReady: () => false,
  });
  for (const event of everyEvent) metrics.record(event);
  return metrics;
}
