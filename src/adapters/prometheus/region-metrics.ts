// Metrics that KMS regions and store regions have in common: calls and state changes as counters, and the current state as
// gauges, which are read from the running service at each scrape. Every state and circuit has its own series, 1 for the
// current one and 0 for the others, so that a query never has to handle a missing series. Of several workers it is the part of
// them that sees this state, so that the states of a region still add up to 1.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { circuitOf } from '../../domain/regions/region-state.js';
import type { RegionReading } from '../../ports/metrics.js';
import type { RegionTransition, StoreCall, VaultCall } from '../../ports/telemetry.js';
import { outcomeOf, reasonOf } from './outcomes.js';

/** In seconds. Finer where regions usually answer; ends at the longest attempt that the defaults allow. */
export const callBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1, 2,
];

const states = Object.keys(circuitOf);
const circuits = [...new Set(Object.values(circuitOf))];

/** The start of the metrics' names, and what the help texts call the region. */
interface RegionNames {
  readonly prefix: 'rkms_region' | 'rkms_store_region';
  readonly subject: string;
}

export const kmsRegion: RegionNames = { prefix: 'rkms_region', subject: 'a KMS region' };
export const storeRegion: RegionNames = { prefix: 'rkms_store_region', subject: 'a store region' };

/** Counts calls to the regions of one kind, and their state changes. */
export class RegionCallMetrics {
  private readonly calls: Counter<'region' | 'operation' | 'outcome' | 'reason'>;
  private readonly durations: Histogram<'region' | 'operation'>;
  private readonly transitions: Counter<'region' | 'from' | 'to'>;

  constructor(registry: Registry, { prefix, subject }: RegionNames) {
    const registers = [registry];
    this.calls = new Counter({
      name: `${prefix}_calls_total`,
      help: `Finished calls to ${subject}, including probes, by outcome: ok, or the kind of the failure and its reason.`,
      labelNames: ['region', 'operation', 'outcome', 'reason'],
      registers,
    });
    this.durations = new Histogram({
      name: `${prefix}_call_duration_seconds`,
      help: `Duration of successful calls to ${subject}.`,
      labelNames: ['region', 'operation'],
      buckets: callBuckets,
      registers,
    });
    this.transitions = new Counter({
      name: `${prefix}_transitions_total`,
      help: `State changes of ${subject}.`,
      labelNames: ['region', 'from', 'to'],
      registers,
    });
  }

  called({ region, operation, durationMs, failure }: VaultCall | StoreCall): void {
    this.calls.inc({ region, operation, outcome: outcomeOf(failure), reason: reasonOf(failure) });
    if (failure === undefined) this.durations.observe({ region, operation }, durationMs / 1_000);
  }

  transitioned({ region, from, to }: RegionTransition): void {
    this.transitions.inc({ region, from, to });
  }

  /** Creates the series of one outcome with the value 0: `rate()` needs a sample from before the first increase. */
  startAtZero(region: string, operation: string, outcome: string, reason: string): void {
    this.calls.inc({ region, operation, outcome, reason }, 0);
  }
}

/** Adds gauges for the state of the regions of one kind. `read` is called once per scrape. */
export function watchRegions(
  registry: Registry,
  { prefix, subject }: RegionNames,
  read: () => readonly RegionReading[],
): void {
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    aggregator: 'average' | 'max' | 'min',
    collect?: () => void,
  ): Gauge<Label> =>
    new Gauge({
      name: `${prefix}_${name}`,
      help,
      labelNames,
      aggregator,
      registers: [registry],
      ...(collect && { collect }),
    });
  // This gauge is the first one in the registry, so its `collect` sets the others before they are read.
  const state = gauge(
    'state',
    `1 for the current state of ${subject}.`,
    ['region', 'state'],
    'average',
    () => {
      for (const [index, reading] of read().entries()) {
        const { region, sinceMs, overQuota } = reading;
        for (const each of states) state.set({ region, state: each }, each === reading.state.kind ? 1 : 0);
        const current = circuitOf[reading.state.kind];
        for (const each of circuits) circuit.set({ region, circuit: each }, each === current ? 1 : 0);
        age.set({ region }, sinceMs / 1_000);
        order.set({ region }, index + 1);
        throttled.set({ region }, overQuota ? 1 : 0);
      }
    },
  );
  const circuit = gauge(
    'circuit',
    `1 for the current circuit of ${subject}: closed, half-open or open.`,
    ['region', 'circuit'],
    'average',
  );
  const age = gauge(
    'state_age_seconds',
    `Time since ${subject} entered its current state.`,
    ['region'],
    'min',
  );
  const order = gauge(
    'order',
    `Position of ${subject} in the order in which requests try them; 1 is first.`,
    ['region'],
    'average',
  );
  const throttled = gauge(
    'over_quota',
    `1 while RKMS limits calls to ${subject} because it throttles.`,
    ['region'],
    'max',
  );
}
