// One line of the audit log, bounded by time alone: it is also kept when the caller has gone, and a disk that never answers
// holds nobody up.
import type { ResultAsync } from 'neverthrow';
import type { AuditUnavailable } from '../../domain/failures/key-failures.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { withDeadline } from '../resilience/with-deadline.js';

/** A disk that takes longer to flush one line has failed. */
export const auditTimeoutMs = 2_000;

const tooSlow: AuditUnavailable = { kind: 'audit.unavailable', cause: 'timed out' };

/**
 * Ok once the line is kept; `audit.unavailable` when that takes longer than `timeoutMs`, 2 s unless said otherwise. A line
 * that comes through after that tells of what was not done.
 */
export const appendAuditEntry = (
  audit: AuditLog,
  entry: AuditEntry,
  { clock, timeoutMs = auditTimeoutMs }: { readonly clock: Clock; readonly timeoutMs?: number },
): ResultAsync<void, AuditUnavailable> =>
  withDeadline(() => audit.append(entry), {
    clock,
    timeoutMs,
    signal: new AbortController().signal,
    onTimeout: tooSlow,
    onAbort: tooSlow,
  });
