// What RKMS asks of others and how they answer: the vaults of the regions, the store, and the store in each of its regions.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { OutageReason } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionTransition, StoreAnswered, StoreCall, VaultCall } from '../../ports/telemetry.js';
import { outcomeOf, reasonOf } from './outcomes.js';

/** Finer where regions usually answer, up to the longest attempt that there is by default. In seconds. */
const callBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1, 2,
];

/** Complete by its type. */
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

type OfCall = 'region' | 'operation' | 'outcome' | 'reason';

export class CallMetrics {
  private readonly vaultCalls: Counter<OfCall>;
  private readonly vaultDurations: Histogram<'region' | 'operation'>;
  private readonly hedges: Counter<'region' | 'outcome'>;
  private readonly transitions: Counter<'region' | 'from' | 'to'>;
  private readonly storeCalls: Counter<'operation' | 'outcome'>;
  private readonly storeDurations: Histogram<'operation'>;
  private readonly storeRegionCalls: Counter<OfCall>;
  private readonly storeRegionDurations: Histogram<'region' | 'operation'>;
  private readonly storeTransitions: Counter<'region' | 'from' | 'to'>;

  constructor(registry: Registry) {
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
      new Counter({ name, help, labelNames, registers: [registry] });
    const durations = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[],
    ): Histogram<Label> =>
      new Histogram({ name, help, labelNames, buckets: callBuckets, registers: [registry] });
    const ofCall: OfCall[] = ['region', 'operation', 'outcome', 'reason'];

    this.vaultCalls = counter(
      'rkms_region_calls_total',
      'Finished calls to the KMS of a region, probes among them, by outcome: ok, or the kind of the failure and its reason.',
      ofCall,
    );
    this.vaultDurations = durations(
      'rkms_region_call_duration_seconds',
      'How long the KMS of a region took to answer; calls that failed are not in it.',
      ['region', 'operation'],
    );
    this.hedges = counter(
      'rkms_region_hedges_total',
      'Calls made to a region because another one was silent for longer than usual, by outcome.',
      ['region', 'outcome'],
    );
    this.transitions = counter(
      'rkms_region_transitions_total',
      'How often a region went from one state to another.',
      ['region', 'from', 'to'],
    );
    this.storeCalls = counter(
      'rkms_store_calls_total',
      'Finished calls to the store as a whole, by outcome: ok, or the kind of the failure.',
      ['operation', 'outcome'],
    );
    this.storeDurations = durations(
      'rkms_store_call_duration_seconds',
      'How long the store as a whole took to answer; calls that failed are not in it.',
      ['operation'],
    );
    this.storeRegionCalls = counter(
      'rkms_store_region_calls_total',
      'Finished calls to a store in several regions, in one of them, by outcome.',
      ofCall,
    );
    this.storeRegionDurations = durations(
      'rkms_store_region_call_duration_seconds',
      'How long the store took to answer in one of its regions; calls that failed are not in it.',
      ['region', 'operation'],
    );
    this.storeTransitions = counter(
      'rkms_store_region_transitions_total',
      'How often the store in a region went from one state to another.',
      ['region', 'from', 'to'],
    );
  }

  /** Shows the outages of these regions as none so far: a rate begins with a number that was there before it grew. */
  watch(regions: readonly Region[]): void {
    for (const region of regions) {
      for (const reason of Object.keys(outages)) {
        this.vaultCalls.inc({ region, operation: 'decrypt', outcome: 'region.unavailable', reason }, 0);
      }
      this.hedges.inc({ region, outcome: 'ok' }, 0);
    }
  }

  vaultCall({ region, operation, durationMs, failure, hedge }: VaultCall): void {
    const outcome = outcomeOf(failure);
    this.vaultCalls.inc({ region, operation, outcome, reason: reasonOf(failure) });
    if (failure === undefined) this.vaultDurations.observe({ region, operation }, durationMs / 1_000);
    if (hedge) this.hedges.inc({ region, outcome });
  }

  storeAnswered({ operation, durationMs, failure }: StoreAnswered): void {
    this.storeCalls.inc({ operation, outcome: outcomeOf(failure) });
    if (failure === undefined) this.storeDurations.observe({ operation }, durationMs / 1_000);
  }

  storeCall({ region, operation, durationMs, failure }: StoreCall): void {
    const labels = { region, operation, outcome: outcomeOf(failure), reason: reasonOf(failure) };
    this.storeRegionCalls.inc(labels);
    if (failure === undefined) this.storeRegionDurations.observe({ region, operation }, durationMs / 1_000);
  }

  transition({ event, region, from, to }: RegionTransition): void {
    const counter = event === 'region.transition' ? this.transitions : this.storeTransitions;
    counter.inc({ region, from, to });
  }
}
