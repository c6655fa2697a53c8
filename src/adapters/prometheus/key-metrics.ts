// Counts what happens to keys and to the audit log: keys created and refused, copies missing and repaired, lines written. No
// metric identifies a key.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Region } from '../../domain/ids.js';
import type { AuditFlushed, KeyCreated, KeyRepaired, KeyRepairFailed } from '../../ports/telemetry.js';

/** In seconds. Ends at 2 s, because a write to the audit log that takes longer counts as failed. */
const flushBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];

const repairOutcomes = ['repaired', 'incomplete', 'failed'] as const;

export class KeyMetrics {
  private readonly created: Counter;
  private readonly refused: Counter;
  private readonly missing: Counter<'region'>;
  private readonly repairs: Counter<'outcome'>;
  private readonly copies: Counter<'region' | 'change'>;
  private readonly dropped: Counter;
  private readonly lost: Counter;
  private readonly lines: Counter;
  private readonly flushFailures: Counter;
  private readonly flushDurations: Histogram;

  constructor(registry: Registry) {
    const counter = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[] = [],
    ): Counter<Label> => new Counter({ name, help, labelNames, registers: [registry] });

    this.created = counter('rkms_keys_created_total', 'Keys created and stored.');
    this.refused = counter(
      'rkms_creations_refused_total',
      'Keys not created because too few regions had a verified copy.',
    );
    this.missing = counter(
      'rkms_copies_missing_total',
      'Copies missing when a key was created, by the region without a verified copy.',
      ['region'],
    );
    this.repairs = counter(
      'rkms_repairs_total',
      'Repairs of keys, by outcome: repaired, incomplete if copies are still missing, or failed.',
      ['outcome'],
    );
    for (const outcome of repairOutcomes) this.repairs.inc({ outcome }, 0);
    this.copies = counter(
      'rkms_copies_repaired_total',
      'Copies changed by repairs, by region and change: added, replaced or dropped.',
      ['region', 'change'],
    );
    this.dropped = counter(
      'rkms_repairs_dropped_total',
      'Keys with missing copies that were not queued for repair because the queue was full.',
    );
    this.lost = counter(
      'rkms_records_lost_total',
      'Times that the store no longer held the record of a key that was opened before; the key is served from memory.',
    );
    this.lines = counter('rkms_audit_lines_total', 'Lines written to the audit log.');
    this.flushFailures = counter('rkms_audit_flush_failures_total', 'Failed writes to the audit log.');
    this.flushDurations = new Histogram({
      name: 'rkms_audit_flush_duration_seconds',
      help: 'Duration of successful writes to the audit log. Lines that arrive together are written together.',
      buckets: flushBuckets,
      registers: [registry],
    });
  }

  keyCreated({ missing }: KeyCreated): void {
    this.created.inc();
    for (const region of missing) this.missing.inc({ region });
  }

  creationRefused(): void {
    this.refused.inc();
  }

  keyRepaired({ added, replaced, dropped }: KeyRepaired): void {
    this.repairs.inc({ outcome: 'repaired' });
    this.changed(added, 'added');
    this.changed(replaced, 'replaced');
    this.changed(dropped, 'dropped');
  }

  repairFailed({ failure }: KeyRepairFailed): void {
    this.repairs.inc({ outcome: failure ? 'failed' : 'incomplete' });
  }

  repairsDropped(count: number): void {
    this.dropped.inc(count);
  }

  recordLost(): void {
    this.lost.inc();
  }

  auditFlushed({ lines, durationMs, failed }: AuditFlushed): void {
    if (failed) {
      this.flushFailures.inc();
      return;
    }
    this.lines.inc(lines);
    this.flushDurations.observe(durationMs / 1_000);
  }

  private changed(regions: readonly Region[], change: string): void {
    for (const region of regions) this.copies.inc({ region, change });
  }
}
