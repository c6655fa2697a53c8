// Each caller's quota of new keys, in this process's memory: N processes allow N times as many, and a restart starts with
// full quotas. Only creating a key takes from the quota, never reading one.
import { err, ok, type Result } from 'neverthrow';
import { CreationQuota, type CreationLimits } from '../../domain/access/creation-quota.js';
import type { CreationOverQuota } from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';

export class CreationQuotas {
  // Bounded by the number of callers that may create, which the configuration lists.
  private readonly quotas = new Map<CallerId, CreationQuota>();

  constructor(
    private readonly limitsOf: (caller: CallerId) => CreationLimits,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  /** Counts one key to be created, and returns what takes it back; `creation.over-quota` says how long to wait. */
  take(caller: CallerId): Result<() => void, CreationOverQuota> {
    const atMs = this.clock.monotonicMs();
    const quota = this.quotas.get(caller) ?? new CreationQuota(this.limitsOf(caller), atMs);
    this.quotas.set(caller, quota);
    const taken = quota.take(atMs);
    return typeof taken === 'function' ? ok(taken) : err({ kind: 'creation.over-quota', ...taken });
  }
}
