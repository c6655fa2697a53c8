// Authorises a request for a key, gets the key, and writes the audit entry before it releases the key. These are one step,
// so that no route can do one without the others (I10). Wipes the key if the entry cannot be written.
import { err, type Result } from 'neverthrow';
import { may, requirePermission } from '../../domain/access/access.js';
import type { Caller } from '../../domain/access/caller.js';
import type { AuditUnavailable, GetKeyFailure } from '../../domain/failures/key-failures.js';
import type { KeyId } from '../../domain/ids.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import type { CreationQuotas } from './creation-quotas.js';
import type { GetDataKey } from '../keys/get-data-key.js';
import type { ServedKey } from '../keys/served-key.js';
import { appendAuditEntry } from './append-audit-entry.js';

/** One authenticated request for a key. */
export interface GuardedRequest {
  readonly caller: Caller;
  readonly id: KeyId;
  readonly requestId: string;
}

export interface AuditSettings {
  /** How long writing an audit entry may take, in milliseconds. */
  readonly auditTimeoutMs: number;
}

export class GuardedKeys {
  constructor(
    private readonly keys: GetDataKey,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly settings: AuditSettings,
    private readonly quotas: CreationQuotas,
  ) {}

  /**
   * The key of `request.id`. Creates it if there is none, the caller may create, and the caller's quota is not used up.
   * Without the permission `read` for this id, neither the store nor a region is called. If the audit entry cannot be
   * written, fails with `audit.unavailable`, whatever the outcome was.
   */
  async get(request: GuardedRequest, signal: AbortSignal): Promise<Result<ServedKey, GetKeyFailure>> {
    const outcome = await this.act(request, signal);
    let released = false;
    try {
      const written = await this.keep(this.entry(request, outcome));
      released = written.isOk();
      return written.isErr() ? err(written.error) : outcome;
    } finally {
      if (!released && outcome.isOk()) outcome.value.key.wipe();
    }
  }

  private keep(entry: AuditEntry): Promise<Result<void, AuditUnavailable>> {
    const { clock, settings } = this;
    return appendAuditEntry(this.audit, entry, { clock, timeoutMs: settings.auditTimeoutMs });
  }

  private act(
    { caller, id }: GuardedRequest,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    const allowed = requirePermission(caller, 'read', id);
    if (allowed.isErr()) return Promise.resolve(err(allowed.error));
    const payer = { caller: caller.id, pay: () => this.quotas.take(caller.id) };
    return this.keys.get({ id, mayCreate: may(caller, 'create', id), payer }, signal);
  }

  private entry(
    { caller, id, requestId }: GuardedRequest,
    outcome: Result<ServedKey, GetKeyFailure>,
  ): AuditEntry {
    const entry = {
      timeMs: this.clock.nowMs(),
      requestId,
      caller: caller.id,
      method: caller.method,
      action: 'key.get',
      id,
    } as const;
    if (outcome.isErr()) return { ...entry, outcome: outcome.error.kind };
    const { created, version, region, copies, regions, genesis, keyAgeMs } = outcome.value;
    return {
      ...entry,
      outcome: created ? 'created' : 'opened',
      version,
      region,
      ...(keyAgeMs !== undefined && { cached: true }),
      copies: `${copies}/${regions}`,
      ...(genesis && { store: genesis.createdAtMs }),
    };
  }
}
