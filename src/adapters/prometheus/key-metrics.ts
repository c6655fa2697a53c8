// What becomes of keys and of the audit log: keys made and not made, copies missing and made again, lines flushed. Counts
// only; no metric can tell which key it was.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Region } from '../../domain/ids.js';
import type { AuditFlushed, KeyCreated, KeyRepaired, KeyRepairFailed } from '../../ports/telemetry.js';

/** A flush takes as long as the disk does; one that takes more than two seconds counts as failed. In seconds. */
const flushBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];

const repairOutcomes = ['repaired', 'incomplete', 'failed'] as const;

export class KeyMetrics {
  private readonly created: Counter;
  private readonly refused: Counter;
  private readonly missing: Counter<'region'>;
  private readonly repairs: Counter<'outcome'>;
  private readonly copies: Counter<'region' | 'change'>;
  private readonly dropped: Counter;
  private readonly lines: Counter;
  private readonly flushFailures: Counter;
  private readonly flushDurations: Histogram;

  constructor(registry: Registry) {
    const counter = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[] = [],
    ): Counter<Label> => new Counter({ name, help, labelNames, registers: [registry] });

    this.created = counter('rkms_keys_created_total', 'Keys that were made and stored.');
    this.refused = counter(
      'rkms_creations_refused_total',
      'Keys that were not made, because too few regions could be proven to hold them.',
    );
    this.missing = counter(
      'rkms_copies_missing_total',
      'Copies that a new key was stored without, by the region that could not be proven to hold it.',
      ['region'],
    );
    this.repairs = counter(
      'rkms_repairs_total',
      'Keys that were to be brought back to full: repaired, incomplete when copies are still missing, failed.',
      ['outcome'],
    );
    for (const outcome of repairOutcomes) this.repairs.inc({ outcome }, 0);
    this.copies = counter(
      'rkms_copies_repaired_total',
      'Copies that repairs changed, by region: added, replaced, dropped.',
      ['region', 'change'],
    );
    this.dropped = counter(
      'rkms_repairs_dropped_total',
      'Keys found to lack copies that were not queued, because the queue for repair was full.',
    );
    this.lines = counter('rkms_audit_lines_total', 'Lines that the audit log keeps.');
    this.flushFailures = counter(
      'rkms_audit_flush_failures_total',
      'Attempts to write to the audit log that failed.',
    );
    this.flushDurations = new Histogram({
      name: 'rkms_audit_flush_duration_seconds',
      help: 'How long it took until lines of the audit log were kept; lines that arrive together are flushed together.',
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
