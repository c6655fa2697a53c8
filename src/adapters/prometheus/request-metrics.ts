// Requests as callers see them: count and duration by route and outcome, and how many succeeded only because of a second
// region. Labels are routes, methods, statuses and failure kinds; nothing that a caller sent ever becomes a label.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { ConnectionRefused, KeyServed, RequestAnswered, FailoverReason } from '../../ports/telemetry.js';
import { outcomeOf } from './outcomes.js';

/** In seconds. Covers the default deadline of a request, 2 s, and one bucket beyond it. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3];
const failoverReasons: readonly FailoverReason[] = ['failed', 'ejected', 'no-copy'];
const listeners: readonly ConnectionRefused['listener'][] = ['server', 'operations'];
const limits: readonly ConnectionRefused['reason'][] = ['connections', 'address', 'pipelined', 'unread'];

export class RequestMetrics {
  private readonly requests: Counter<'route' | 'method' | 'status' | 'outcome'>;
  private readonly durations: Histogram<'route' | 'method' | 'status'>;
  private readonly abandoned: Counter;
  private readonly failovers: Counter<'reason'>;
  private readonly incomplete: Counter;
  private readonly joined: Counter;
  private readonly refused: Counter<'listener' | 'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'rkms_requests_total',
      help: 'HTTP requests, by route and outcome: ok, or the kind of the failure.',
      labelNames: ['route', 'method', 'status', 'outcome'],
      registers,
    });
    this.durations = new Histogram({
      name: 'rkms_request_duration_seconds',
      help: 'Time from the head of a request until its response was ready to be sent.',
      labelNames: ['route', 'method', 'status'],
      buckets: requestBuckets,
      registers,
    });
    this.abandoned = new Counter({
      name: 'rkms_requests_abandoned_total',
      help: 'Requests whose caller disconnected before the response.',
      registers,
    });
    this.failovers = new Counter({
      name: 'rkms_failovers_total',
      help: 'Requests answered with a key that would have failed with the preferred region alone, by reason.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of failoverReasons) this.failovers.inc({ reason }, 0);
    this.incomplete = new Counter({
      name: 'rkms_answers_lacking_copies_total',
      help: 'Keys returned that have no copy in at least one configured region.',
      registers,
    });
    this.joined = new Counter({
      name: 'rkms_single_flight_joined_total',
      help: 'Requests that shared the result of a concurrent request for the same key.',
      registers,
    });
    this.refused = new Counter({
      name: 'rkms_connections_refused_total',
      help: 'Connections closed because they went beyond a limit: of all connections, of one address, of pipelined requests, or of the time for unread answers.',
      labelNames: ['listener', 'reason'],
      registers,
    });
    for (const listener of listeners) for (const reason of limits) this.refused.inc({ listener, reason }, 0);
  }

  answered({ route, method, status, durationMs, callerLeft, failure, served }: RequestAnswered): void {
    const labels = { route, method: knownMethod(method), status: String(status) };
    this.requests.inc({ ...labels, outcome: outcomeOf(failure) });
    this.durations.observe(labels, durationMs / 1_000);
    if (callerLeft) this.abandoned.inc();
    else if (served) this.served(served);
  }

  connectionRefused({ listener, reason }: ConnectionRefused): void {
    this.refused.inc({ listener, reason });
  }

  joinedFlight(): void {
    this.joined.inc();
  }

  private served({ failover, copies, regions }: KeyServed): void {
    if (failover) this.failovers.inc({ reason: failover });
    if (copies < regions) this.incomplete.inc();
  }
}

/** Node's parser accepts many more methods; a label must not have as many values as callers can send. */
const knownMethod = (method: string): string => (method === 'GET' || method === 'POST' ? method : 'other');
