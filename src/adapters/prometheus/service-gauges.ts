// Gauges that are read from the running service at each scrape: readiness, load, the cache of records,
// the repair queue, and the expiry of its
// certificates.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricsSources } from '../../ports/metrics.js';
import { kmsRegion, storeRegion, watchRegions } from './region-metrics.js';

export function watchService(registry: Registry, sources: MetricsSources): void {
  watchRegions(registry, kmsRegion, sources.regions);
  if (sources.storeRegions) watchRegions(registry, storeRegion, sources.storeRegions);
  /** `aggregator`: what the value of several workers is. */
  const gauge = (
    name: string,
    help: string,
    read: () => number,
    aggregator: 'sum' | 'max' | 'min' = 'sum',
  ): void => {
    new Gauge({
      name,
      help,
      aggregator,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge(
    'rkms_ready',
    '1 while the service accepts requests, as /readyz reports.',
    () => Number(sources.isReady()),
    'min',
  );
  gauge(
    'rkms_audit_working',
    '1 while the audit log can be written; at 0 no key is released.',
    () => Number(sources.isAuditWorking()),
    'min',
  );
  gauge(
    'rkms_known_keys_missing',
    'Keys that the audit log names and the store lacks; above 0 no key is created.',
    sources.missingKeys,
    'max',
  );
  gauge('rkms_requests_in_flight', 'Requests for keys in flight.', sources.requestsInFlight);
  gauge(
    'rkms_record_cache_records',
    'Records of opened keys in memory.',
    () => sources.recordCache().records,
  );
  new Counter({
    name: 'rkms_record_cache_reads_total',
    help: 'Reads of the cache of records, by result: fresh, stale if the store must be asked again, or miss.',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(sources.recordCache().reads)) this.inc({ result }, count);
    },
  });
  const { keyCache } = sources;
  if (keyCache) {
    gauge('rkms_key_cache_keys', 'Plaintext keys in memory.', () => keyCache().keys);
    new Counter({
      name: 'rkms_key_cache_reads_total',
      help: 'Requests that looked into the key cache, by result: hit or miss.',
      labelNames: ['result'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [result, count] of Object.entries(keyCache().reads)) this.inc({ result }, count);
      },
    });
  }
  const counts = sources.peers?.counts;
  if (counts) {
    gauge('rkms_workers', 'Processes that share the listeners and serve now.', () => counts().running, 'max');
    new Counter({
      name: 'rkms_workers_replaced_total',
      help: 'Processes that ended without being told to, and were replaced.',
      aggregator: 'max',
      registers: [registry],
      collect() {
        this.reset();
        this.inc(counts().replaced);
      },
    });
  }
  gauge('rkms_repair_queue_keys', 'Keys in the queue for background repair.', sources.waitingRepairs);
  new Gauge({
    name: 'rkms_certificate_expiry_timestamp_seconds',
    help: 'When the first certificate in a file expires, in seconds since 1970.',
    labelNames: ['file'],
    aggregator: 'min',
    registers: [registry],
    collect() {
      this.reset();
      for (const [file, expiryMs] of firstExpiries(sources.certificates()))
        this.set({ file }, expiryMs / 1_000);
    },
  });
}

/** :: file -> the earliest expiry of its certificates, in milliseconds since 1970 */
function firstExpiries(
  certificates: ReturnType<MetricsSources['certificates']>,
): ReadonlyMap<string, number> {
  const expiries = new Map<string, number>();
  for (const { file, notAfterMs } of certificates) {
    expiries.set(file, Math.min(notAfterMs, expiries.get(file) ?? Infinity));
  }
  return expiries;
}
