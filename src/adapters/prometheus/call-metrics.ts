// Calls from RKMS to other systems: KMS in each region, the store as a whole, and the store in each of its regions. Only
// successful calls count towards a duration, so that time-outs do not hide how fast a region answers.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { OutageReason } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionTransition, StoreAnswered, StoreCall, VaultCall } from '../../ports/telemetry.js';
import { outcomeOf } from './outcomes.js';
import { callBuckets, kmsRegion, RegionCallMetrics, storeRegion } from './region-metrics.js';

/** All reasons; a missing one is a type error. */
const outages: Readonly<Record<OutageReason, true>> = {
  dns: true,
  refused: true,
  reset: true,
  unreachable: true,
  'timed-out': true,
  'hedge-lost': true,
  ejected: true,
  'server-error': true,
  'key-unavailable': true,
  unintelligible: true,
};

export class CallMetrics {
  private readonly kmsRegions: RegionCallMetrics;
  private readonly storeRegions: RegionCallMetrics;
  private readonly hedges: Counter<'region' | 'outcome'>;
  private readonly storeCalls: Counter<'operation' | 'outcome'>;
  private readonly storeDurations: Histogram<'operation'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.kmsRegions = new RegionCallMetrics(registry, kmsRegion);
    this.storeRegions = new RegionCallMetrics(registry, storeRegion);
    this.hedges = new Counter({
      name: 'rkms_region_hedges_total',
      help: 'Hedged calls to a KMS region, made because another region did not answer within the hedge delay, by outcome.',
      labelNames: ['region', 'outcome'],
      registers,
    });
    this.storeCalls = new Counter({
      name: 'rkms_store_calls_total',
      help: 'Finished calls to the store as a whole, by outcome: ok, or the kind of the failure.',
      labelNames: ['operation', 'outcome'],
      registers,
    });
    this.storeDurations = new Histogram({
      name: 'rkms_store_call_duration_seconds',
      help: 'Duration of successful calls to the store as a whole.',
      labelNames: ['operation'],
      buckets: callBuckets,
      registers,
    });
  }

  /** Creates the series that alerts use for these regions with the value 0. */
  watch(regions: readonly Region[]): void {
    for (const region of regions) {
      for (const reason of Object.keys(outages)) {
        this.kmsRegions.startAtZero(region, 'decrypt', 'region.unavailable', reason);
      }
      this.hedges.inc({ region, outcome: 'ok' }, 0);
    }
  }

  vaultCall(call: VaultCall): void {
    this.kmsRegions.called(call);
    if (call.hedge) this.hedges.inc({ region: call.region, outcome: outcomeOf(call.failure) });
  }

  storeAnswered({ operation, durationMs, failure }: StoreAnswered): void {
    this.storeCalls.inc({ operation, outcome: outcomeOf(failure) });
    if (failure === undefined) this.storeDurations.observe({ operation }, durationMs / 1_000);
  }

  storeCall(call: StoreCall): void {
    this.storeRegions.called(call);
  }

  transition(transition: RegionTransition): void {
    const metrics = transition.event === 'region.transition' ? this.kmsRegions : this.storeRegions;
    metrics.transitioned(transition);
  }
}
