// Telemetry as metrics in Prometheus' text format. Labels are regions, routes, operations, states and failure kinds, so the
// configuration bounds the number of series. A label is never a key, a caller, an ARN, or anything that a caller sent.
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Gauge,
  Registry,
  type Aggregator,
  type MetricObject,
} from 'prom-client';
import type { Metrics, MetricsPage, MetricsSources } from '../../ports/metrics.js';
import type { Telemetry, TelemetryEvent } from '../../ports/telemetry.js';
import { CallMetrics } from './call-metrics.js';
import { KeyMetrics } from './key-metrics.js';
import { RequestMetrics } from './request-metrics.js';
import { watchService } from './service-gauges.js';

/** prom-client leaves the start out, and takes the average of delays: with one worker that hangs, that tells little. */
function aggregatorOf({ name, aggregator }: MetricObject): Aggregator {
  if (name === 'process_start_time_seconds') return 'min';
  return name.startsWith('nodejs_eventloop_lag_') && aggregator === 'average' ? 'max' : aggregator;
}

/** Values that do not change while the process runs. */
export interface ServiceFacts {
  readonly version: string;
  readonly nodeVersion: string;
  readonly quorum: number;
  readonly maxInFlight: number;
}

export class PrometheusMetrics implements Telemetry, Metrics {
  private readonly registry = new Registry();
  private readonly requests = new RequestMetrics(this.registry);
  private readonly calls = new CallMetrics(this.registry);
  private readonly keys = new KeyMetrics(this.registry);

  private peers: MetricsSources['peers'];

  constructor(private readonly facts: ServiceFacts) {}

  record(event: TelemetryEvent): void {
    switch (event.event) {
      case 'request.answered':
        this.requests.answered(event);
        return;
      case 'single-flight.joined':
        this.requests.joinedFlight();
        return;
      case 'record.lost':
        this.keys.recordLost();
        return;
      case 'vault.call':
        this.calls.vaultCall(event);
        return;
      case 'store.answered':
        this.calls.storeAnswered(event);
        return;
      case 'store.call':
        this.calls.storeCall(event);
        return;
      case 'region.transition':
      case 'store-region.transition':
        this.calls.transition(event);
        return;
      case 'key.created':
        this.keys.keyCreated(event);
        return;
      case 'key.creation-refused':
        this.keys.creationRefused();
        return;
      case 'key.repaired':
        this.keys.keyRepaired(event);
        return;
      case 'key.repair-failed':
        this.keys.repairFailed(event);
        return;
      case 'repairs.dropped':
        this.keys.repairsDropped(event.count);
        return;
      case 'connection.refused':
        this.requests.connectionRefused(event);
        return;
      case 'audit.flushed':
        this.keys.auditFlushed(event);
    }
  }

  watch(sources: MetricsSources): void {
    collectDefaultMetrics({ register: this.registry });
    this.peers = sources.peers;
    watchService(this.registry, sources);
    this.calls.watch(sources.regions().map(({ region }) => region));
    const { version, nodeVersion, quorum, maxInFlight } = this.facts;
    new Gauge({
      name: 'rkms_build_info',
      help: 'Always 1; the labels are the versions of RKMS and Node.',
      labelNames: ['version', 'node_version'],
      aggregator: 'first',
      registers: [this.registry],
    }).set({ version, node_version: nodeVersion }, 1);
    this.constant(
      'rkms_quorum_regions',
      'Regions that must have a copy of a new key before it is stored.',
      quorum,
      'first',
    );
    this.constant(
      'rkms_requests_in_flight_limit',
      'Maximum number of requests in flight.',
      maxInFlight,
      'sum',
    );
  }

  async read(): Promise<MetricsPage> {
    const { contentType } = this.registry;
    if (this.peers?.counts === undefined) return { contentType, text: await this.registry.metrics() };
    const own = await this.export();
    const all = AggregatorRegistry.aggregate([own, ...(await this.peers.metrics(own))] as object[]);
    return { contentType, text: await all.metrics() };
  }

  async export(): Promise<readonly object[]> {
    const metrics = await this.registry.getMetricsAsJSON();
    return metrics.map((metric) => ({ ...metric, aggregator: aggregatorOf(metric) }));
  }

  /** The workers have the same value, except where it was divided among them. */
  private constant(name: string, help: string, value: number, aggregator: 'first' | 'sum'): void {
    new Gauge({ name, help, aggregator, registers: [this.registry] }).set(value);
  }
}
