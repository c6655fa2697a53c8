// Authorises operators, and writes the audit entry of an order before carrying it out. Never gives access to a key.
import { err, ok, type Result } from 'neverthrow';
import { requirePermission } from '../../domain/access/access.js';
import type { Caller } from '../../domain/access/caller.js';
import type { AccessDenied } from '../../domain/access/access.js';
import type { AuditUnavailable } from '../../domain/failures/key-failures.js';
import type { Region } from '../../domain/ids.js';
import type { AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { noPeers, type PeerOrder, type Peers } from '../../ports/peers.js';
import { appendAuditEntry } from './append-audit-entry.js';
import type { OperatorOrder, RegionReport, RegionSupervisor } from '../regions/region-supervisor.js';

/** One authenticated order of an operator. */
export interface OperatorRequest {
  readonly caller: Caller;
  readonly requestId: string;
  readonly region: Region;
  readonly order: OperatorOrder;
}

export type OperatorFailure = AccessDenied | AuditUnavailable;

export class GuardedRegions {
  constructor(
    private readonly supervisor: RegionSupervisor,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    /** The prefix of the action in the audit log: regions of KMS, or of the store. */
    private readonly what: PeerOrder['what'] = 'region',
    private readonly peers: Pick<Peers, 'tell'> = noPeers,
  ) {}

  /** The regions, in the order in which requests try them. */
  report(caller: Caller): Result<readonly RegionReport[], AccessDenied> {
    return requirePermission(caller, 'operate').map(() => this.supervisor.snapshot());
  }

  /** Calls `onChange` whenever the order or a state changes, until the returned function is called. */
  watch(
    caller: Caller,
    onChange: (regions: readonly RegionReport[]) => void,
  ): Result<() => void, AccessDenied> {
    return requirePermission(caller, 'operate').map(() => {
      const watching = this.supervisor.report$.subscribe(onChange);
      return () => {
        watching.unsubscribe();
      };
    });
  }

  /** Carries out the order once its audit entry is on disk, and returns the regions after it. */
  async command(request: OperatorRequest): Promise<Result<readonly RegionReport[], OperatorFailure>> {
    const allowed = requirePermission(request.caller, 'operate');
    const entry = this.entry(request, allowed);
    const written = await appendAuditEntry(this.audit, entry, { clock: this.clock });
    if (written.isErr()) return err(written.error);
    if (allowed.isErr()) return err(allowed.error);
    const { region, order } = request;
    this.supervisor.command(region, order);
    this.peers.tell({ what: this.what, region, order });
    return ok(this.supervisor.snapshot());
  }

  private entry(
    { caller, requestId, region, order }: OperatorRequest,
    allowed: Result<unknown, AccessDenied>,
  ) {
    const outcome = allowed.isOk() ? 'done' : allowed.error.kind;
    const facts = {
      timeMs: this.clock.nowMs(),
      requestId,
      caller: caller.id,
      method: caller.method,
      outcome,
    };
    return { ...facts, action: `${this.what}.${order}`, region } as const;
  }
}
