// Each caller's quota of keys that may be made for them, in this process's memory: N processes allow N times as many, and
// a restart begins anew. Never asked for a key that exists.
import { err, ok, type Result } from 'neverthrow';
import { takeOne, type CreationLimits, type CreationQuota } from '../../domain/access/creation-quota.js';
import type { CreationOverQuota } from '../../domain/failures/key-failures.js';
import type { CallerId } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';

export class CreationQuotas {
  // Bounded by the callers that may create, whom the operator named.
  private readonly quotas = new Map<CallerId, CreationQuota>();

  constructor(
    private readonly limitsOf: (caller: CallerId) => CreationLimits,
    private readonly clock: Clock,
  ) {}

  /** Takes one key off the caller's quota. */
  take(caller: CallerId): Result<void, CreationOverQuota> {
    const { clock } = this;
    const at = { monotonicMs: clock.monotonicMs(), nowMs: clock.nowMs() };
    const { quota, retryAfterMs } = takeOne(this.limitsOf(caller), this.quotas.get(caller), at);
    this.quotas.set(caller, quota);
    return retryAfterMs === 0 ? ok() : err({ kind: 'creation.over-quota', retryAfterMs });
  }
}
