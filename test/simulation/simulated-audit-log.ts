// The audit log of one process; it passes its entries to the checker.
import { ok, type Result, type ResultAsync } from 'neverthrow';
import type { AuditUnavailable } from '../../src/domain/failures/key-failures.js';
import type { AuditEntry, AuditLog } from '../../src/ports/audit-log.js';
import type { History } from './history.js';
import type { Caller, Ports } from './port-call.js';

const unavailable = (): AuditUnavailable => ({ kind: 'audit.unavailable' });

export class SimulatedAuditLog implements AuditLog {
  constructor(
    private readonly caller: Caller,
    private readonly ports: Ports,
    private readonly history: History,
  ) {}

  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable> {
    this.history.beginsLine(entry);
    return this.ports.call(this.caller, {
      method: 'audit.append',
      about: entry.outcome,
      effect: (): Result<void, AuditUnavailable> => {
        this.history.keepsLine(this.caller, entry);
        return ok(undefined);
      },
      refusal: unavailable,
      lost: unavailable,
    });
  }

  isWorking(): boolean {
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
