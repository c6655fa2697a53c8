// The door that every caller goes through: authorise, act, and leave a trace before the key is handed out. Authorising
// and auditing are one step with the act, so that no route can have one without the others (I10).
import { ResultAsync, type Result } from 'neverthrow';
import { may, requirePermission } from '../../domain/access/access.js';
import type { Caller } from '../../domain/access/caller.js';
import type { AuditUnavailable, GetKeyFailure } from '../../domain/failures/key-failures.js';
import type { KeyId } from '../../domain/ids.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import type { CreationQuotas } from './creation-quotas.js';
import type { GetDataKey, ServedKey } from '../keys/get-data-key.js';
import { appendAuditEntry } from './append-audit-entry.js';

/** One authenticated request for a key. */
export interface GuardedRequest {
  readonly caller: Caller;
  readonly id: KeyId;
  readonly requestId: string;
}

export interface AuditSettings {
  /** How long the audit log may take to keep a line, in milliseconds. */
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
   * The key of `request.id`, made if it has none, the caller may create, and their quota has room. Without the
   * permission `read` for this id nothing is looked up. When the audit log cannot keep the line, the answer is `audit.unavailable`, whatever the outcome was.
   */
  get(request: GuardedRequest, signal: AbortSignal): ResultAsync<ServedKey, GetKeyFailure> {
    return new ResultAsync(this.actAndAudit(request, signal));
  }

  private async actAndAudit(
    request: GuardedRequest,
    signal: AbortSignal,
  ): Promise<Result<ServedKey, GetKeyFailure>> {
    const outcome = await this.act(request, signal);
    let released = false;
    try {
      const written = await this.keep(this.entry(request, outcome));
      released = written.isOk();
      return written.andThen(() => outcome);
    } finally {
      if (!released && outcome.isOk()) outcome.value.key.wipe();
    }
  }

  private keep(entry: AuditEntry): ResultAsync<void, AuditUnavailable> {
    const { clock, settings } = this;
    return appendAuditEntry(this.audit, entry, { clock, timeoutMs: settings.auditTimeoutMs });
  }

  private act({ caller, id }: GuardedRequest, signal: AbortSignal): ResultAsync<ServedKey, GetKeyFailure> {
    return requirePermission(caller, 'read', id).asyncAndThen(() => {
      const payer = { caller: caller.id, pay: () => this.quotas.take(caller.id) };
      return this.keys.get({ id, mayCreate: may(caller, 'create', id), payer }, signal);
    });
  }

  private entry(
    { caller, id, requestId }: GuardedRequest,
    outcome: Result<ServedKey, GetKeyFailure>,
  ): AuditEntry {
    const asked = {
      timeMs: this.clock.nowMs(),
      requestId,
      caller: caller.id,
      method: caller.method,
    } as const;
    const entry = { ...asked, action: 'key.get', id } as const;
    if (outcome.isErr()) return { ...entry, outcome: outcome.error.kind };
    const { created, version, region, copies, regions } = outcome.value;
    return {
      ...entry,
      outcome: created ? 'created' : 'opened',
      version,
      region,
      copies: `${copies}/${regions}`,
    };
  }
}
