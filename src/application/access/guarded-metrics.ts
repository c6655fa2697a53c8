// The scraper's door to the metrics: authorise, then read. Leaves no trace in the audit log, because it is read every few
// seconds and tells of no key.
import type { ResultAsync } from 'neverthrow';
import { requirePermission } from '../../domain/access/access.js';
import type { Caller } from '../../domain/access/caller.js';
import type { AccessDenied } from '../../domain/access/access.js';
import type { Metrics, MetricsPage } from '../../ports/metrics.js';

export class GuardedMetrics {
  constructor(
    private readonly metrics: Metrics,
    /** Whether whoever reaches the listener may read them. */
    readonly isPublic: boolean,
  ) {}

  read(caller: Caller): ResultAsync<MetricsPage, AccessDenied> {
    return requirePermission(caller, 'metrics').asyncMap(() => this.metrics.read());
  }

  /** For anybody. Must not be called unless they are public. */
  readPublicly(): Promise<MetricsPage> {
    if (!this.isPublic) throw new Error('the metrics are not public');
    return this.metrics.read();
  }
}
