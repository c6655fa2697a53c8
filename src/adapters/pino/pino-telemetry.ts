// Writes telemetry events as log lines. Decides the level, message and fields of each event; a property that an event does
// not declare is never logged. A request's line has no key id, because the log has more readers than the audit log; the
// request id connects the two.
import type { Logger } from 'pino';
import type { FailedAttempt } from '../../domain/failures/region-failures.js';
import type {
  KeyRepairFailed,
  KeyServed,
  RequestAnswered,
  StoreCall,
  Telemetry,
  TelemetryEvent,
  VaultCall,
} from '../../ports/telemetry.js';
import { causeFacts, failureFacts, stackOf } from './log-facts.js';

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
        const message = event.event === 'region.transition' ? 'region changed' : 'store region changed';
        this.logger[to === 'healthy' ? 'info' : 'warn']({ region, from, to, why }, message);
        return;
      }
      case 'key.created':
        // The line of the request says that it created a key.
        if (event.missing.length === 0) this.logger.debug({ id: event.id }, 'key created in every region');
        else this.logger.warn({ id: event.id, missing: event.missing }, 'key created without every region');
        return;
      case 'key.creation-refused': {
        const { proven, quorum, attempts } = event.failure;
        const facts = { id: event.id, proven, quorum, attempts: attempts.map(attemptFacts) };
        this.logger.error(facts, 'key not created: too few regions have a verified copy');
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
      case 'record.lost':
        this.logger.error({ id: event.id }, 'the store lost the record of a key: restore it from a backup');
        return;
      case 'repairs.dropped':
        this.logger.warn({ count: event.count, hint: 'run rkms repair' }, 'the repair queue is full');
        return;
      case 'request.answered':
        this.requestAnswered(event);
        return;
      // For metrics only: an attacker must not fill the log.
      case 'connection.refused':
      // For metrics only. The line of the request that caused the work already has its outcome.
      case 'store.answered':
      case 'single-flight.joined':
      case 'audit.flushed':
    }
  }

  private repairFailed({ id, version, failed, failure }: KeyRepairFailed): void {
    const facts = { id, version, failed: failed.map(attemptFacts), ...(failure && failureFacts(failure)) };
    this.logger.warn(facts, 'key still has missing copies');
  }

  private vaultCall({ region, operation, hedge, durationMs, failure }: VaultCall): void {
    const facts = { region, operation, ...(hedge && { hedge }), durationMs: tenths(durationMs) };
    if (failure === undefined) this.logger.debug(facts, 'KMS call');
    else this.logger.warn({ ...facts, ...failureFacts(failure) }, 'KMS call failed');
  }

  private storeCall({ region, operation, durationMs, failure }: StoreCall): void {
    const facts = { region, operation, durationMs: tenths(durationMs) };
    if (failure === undefined) this.logger.debug(facts, 'store call');
    else this.logger.warn({ ...facts, ...failureFacts(failure) }, 'store call failed');
  }

  private requestAnswered(request: RequestAnswered): void {
    const facts = requestFacts(request);
    if (request.bug !== undefined) this.logger.error(facts, 'request failed: bug in RKMS');
    else if (request.callerLeft) this.logger.info(facts, 'caller disconnected before the response');
    else if (request.status >= 500) this.logger.error(facts, 'request failed');
    else this.logger.info(facts, 'request');
  }
}

function requestFacts({ served, failure, bug, ...request }: RequestAnswered): object {
  const { requestId, traceId, caller, authentication, route, method, status, durationMs } = request;
  return {
    requestId,
    ...(traceId === undefined ? {} : { traceId }),
    ...(caller === undefined ? {} : { caller, authentication }),
    method,
    route,
    status,
    durationMs: tenths(durationMs),
    ...(served && servedFacts(served)),
    ...(failure && failureFacts(failure)),
    ...(bug === undefined ? {} : { bug: causeFacts(bug), stack: stackOf(bug) }),
  };
}

const servedFacts = ({
  region,
  created,
  copies,
  regions,
  attempts,
  hedged,
  failover,
  keyAgeMs,
}: KeyServed): object => ({
  region,
  created,
  copies: `${copies}/${regions}`,
  attempts,
  hedged,
  ...(failover && { failover }),
  ...(keyAgeMs !== undefined && { keyAgeMs: Math.round(keyAgeMs) }),
});

/** Milliseconds with one decimal, which is finer than any decision made from a log. */
const tenths = (ms: number): number => Math.round(ms * 10) / 10;

const attemptFacts = ({ region, failure }: FailedAttempt): object => ({ region, ...failureFacts(failure) });
