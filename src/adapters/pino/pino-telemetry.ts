// Telemetry as log lines. Writes declared fields only; of a cause its name and code, and its text only where it is known
// to be AWS's or the system's own, because a parser's message may quote what it was parsing.
import type { Logger } from 'pino';
import type { FailedAttempt } from '../../domain/failures.js';
import type {
  KeyRepairFailed,
  StoreCall,
  Telemetry,
  TelemetryEvent,
  VaultCall,
} from '../../ports/telemetry.js';

export class PinoTelemetry implements Telemetry {
  constructor(private readonly logger: Logger) {}

  record(event: TelemetryEvent): void {
    switch (event.event) {
      case 'vault.call':
        this.vaultCall(event);
        return;
      case 'store.call':
        this.storeCall(event);
        return;
      case 'region.transition':
      case 'store-region.transition': {
        const { region, from, to, why } = event;
        const what = event.event === 'region.transition' ? 'region changed' : 'store region changed';
        this.logger[to === 'healthy' ? 'info' : 'warn']({ region, from, to, why }, what);
        return;
      }
      case 'key.created':
        if (event.missing.length === 0) this.logger.info({ id: event.id }, 'key created in every region');
        else
          this.logger.warn({ id: event.id, missing: event.missing }, 'key created, but not in every region');
        return;
      case 'key.creation-refused': {
        const { proven, quorum, attempts } = event.failure;
        const facts = { id: event.id, proven, quorum, attempts: attempts.map(attemptFacts) };
        this.logger.error(facts, 'key not created: too few regions could be proven to hold it');
        return;
      }
      case 'key.repaired': {
        const { id, version, added, replaced, dropped } = event;
        this.logger.info({ id, version, added, replaced, dropped }, 'key repaired');
        return;
      }
      case 'key.repair-failed':
        this.repairFailed(event);
        return;
      case 'repairs.dropped':
        this.logger.warn({ count: event.count }, 'too many keys wait for repair: run rkms repair');
    }
  }

  private repairFailed({ id, version, left, failure }: KeyRepairFailed): void {
    const facts = { id, version, left: left.map(attemptFacts), ...(failure && failureFacts(failure)) };
    this.logger.warn(facts, 'key still lacks copies');
  }

  private vaultCall({ region, operation, durationMs, failure }: VaultCall): void {
    const facts = { region, operation, durationMs: Math.round(durationMs * 10) / 10 };
    if (failure === undefined) this.logger.debug(facts, 'vault call');
    else this.logger.warn({ ...facts, ...failureFacts(failure) }, 'vault call failed');
  }

  private storeCall({ region, operation, durationMs, failure }: StoreCall): void {
    const facts = { region, operation, durationMs: Math.round(durationMs * 10) / 10 };
    if (failure === undefined) this.logger.debug(facts, 'store call');
    else this.logger.warn({ ...facts, ...failureFacts(failure) }, 'store call failed');
  }
}

const attemptFacts = ({ region, failure }: FailedAttempt): object => ({ region, ...failureFacts(failure) });

/** What a log line says of a failure. */
export function failureFacts(failure: { readonly kind: string }): object {
  const reason = 'reason' in failure ? { reason: failure.reason } : {};
  const detail = 'detail' in failure ? { detail: failure.detail } : {};
  const cause = 'cause' in failure ? { cause: causeFacts(failure.cause) } : {};
  return { kind: failure.kind, ...reason, ...detail, ...cause };
}

/** Safe facts of anything that was thrown. */
export function causeFacts(cause: unknown): string | object {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : typeof cause;
  const code = 'code' in cause ? { code: cause.code } : {};
  const isAnswerOfAws = '$fault' in cause && cause.name !== 'SyntaxError';
  const isOfSystem = 'syscall' in cause || 'errcode' in cause;
  const message = isAnswerOfAws || isOfSystem ? { message: cause.message } : {};
  return { name: cause.name, ...code, ...message };
}
