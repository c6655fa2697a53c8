// Authorises reading of the metrics. Writes no audit entry: metrics are read every few seconds and never contain the id
// of a key.
import type { ResultAsync } from 'neverthrow';
import { requirePermission } from '../../domain/access/access.js';
import type { Caller } from '../../domain/access/caller.js';
import type { AccessDenied } from '../../domain/access/access.js';
import type { Metrics, MetricsPage } from '../../ports/metrics.js';

export class GuardedMetrics {
  constructor(
    private readonly metrics: Metrics,
    /** True if no authentication is needed. */
    readonly isPublic: boolean,
  ) {}

  read(caller: Caller): ResultAsync<MetricsPage, AccessDenied> {
    return requirePermission(caller, 'metrics').asyncMap(() => this.metrics.read());
  }

  /** Without authentication. Throws unless `isPublic`: calling it then is a bug. */
  readPublicly(): Promise<MetricsPage> {
    if (!this.isPublic) throw new Error('the metrics are not public');
    return this.metrics.read();
  }
}
