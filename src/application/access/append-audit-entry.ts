// Writes one audit entry with a deadline. Does not stop when the caller disconnects: the entry must be written anyway.
// Never waits longer than the deadline for a disk that hangs.
import type { Result } from 'neverthrow';
import type { AuditUnavailable } from '../../domain/failures/key-failures.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { withDeadline } from '../resilience/with-deadline.js';

/** Milliseconds. A disk that takes longer to flush one line counts as failed. */
export const auditTimeoutMs = 2_000;

const tooSlow: AuditUnavailable = { kind: 'audit.unavailable', cause: 'timed out' };

/**
 * Ok once the entry is on disk; `audit.unavailable` if that fails or takes longer than `timeoutMs` (default 2 s). An entry
 * that is written later than that describes an action that was refused.
 */
export const appendAuditEntry = (
  audit: AuditLog,
  entry: AuditEntry,
  { clock, timeoutMs = auditTimeoutMs }: { readonly clock: Clock; readonly timeoutMs?: number },
): Promise<Result<void, AuditUnavailable>> =>
  withDeadline(() => audit.append(entry), {
    clock,
    timeoutMs,
    signal: undefined,
    onTimeout: tooSlow,
    onAbort: tooSlow,
  });
