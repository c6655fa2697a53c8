// What is read from the running service whenever the page is: whether it is ready, how much it has to do, what it waits for,
// and when its certificates end.
import { Gauge, type Registry } from 'prom-client';
import type { MetricsSources } from '../../ports/metrics.js';
import { RegionMetrics, storeWords, vaultWords } from './region-metrics.js';

export function watchService(registry: Registry, sources: MetricsSources): void {
  new RegionMetrics(registry, vaultWords, sources.regions);
  if (sources.storeRegions) new RegionMetrics(registry, storeWords, sources.storeRegions);
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge('rkms_ready', '1 while the service wants new requests, as /readyz says.', () =>
    Number(sources.isReady()),
  );
  gauge('rkms_audit_working', '1 while the audit log keeps entries; at 0 no key is released.', () =>
    Number(sources.isAuditWorking()),
  );
  gauge('rkms_requests_in_flight', 'Requests for keys that are under way.', sources.requestsInFlight);
  gauge('rkms_repair_queue_keys', 'Keys that wait for repair in the background.', sources.waitingRepairs);
  new Gauge({
    name: 'rkms_certificate_expiry_timestamp_seconds',
    help: 'When the first certificate in a file ends, in seconds since 1970.',
    labelNames: ['file'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [file, endMs] of firstEnds(sources.certificates())) this.set({ file }, endMs / 1_000);
    },
  });
}

function firstEnds(certificates: ReturnType<MetricsSources['certificates']>): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  for (const { file, notAfterMs } of certificates) {
    ends.set(file, Math.min(notAfterMs, ends.get(file) ?? Infinity));
  }
  return ends;
}
