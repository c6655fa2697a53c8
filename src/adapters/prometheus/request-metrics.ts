// What callers get: requests by route and outcome, how long they took, and how many were answered only because there is more
// than one region. A label is a route, a method, a status or a kind of failure; never what a caller sent.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { KeyServed, RequestAnswered, FailoverReason } from '../../ports/telemetry.js';
import { outcomeOf } from './outcomes.js';

/** Up to the longest time that a request may be given by default, and one beyond it. In seconds. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3];
const failoverReasons: readonly FailoverReason[] = ['failed', 'ejected', 'no-copy'];

export class RequestMetrics {
  private readonly requests: Counter<'route' | 'method' | 'status' | 'outcome'>;
  private readonly durations: Histogram<'route' | 'method' | 'status'>;
  private readonly abandoned: Counter;
  private readonly failovers: Counter<'reason'>;
  private readonly lacking: Counter;
  private readonly joined: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'rkms_requests_total',
      help: 'Requests over HTTP that were answered, by route and outcome: ok, or the kind of the failure.',
      labelNames: ['route', 'method', 'status', 'outcome'],
      registers,
    });
    this.durations = new Histogram({
      name: 'rkms_request_duration_seconds',
      help: 'From the head of a request until its answer was ready to be written.',
      labelNames: ['route', 'method', 'status'],
      buckets: requestBuckets,
      registers,
    });
    this.abandoned = new Counter({
      name: 'rkms_requests_abandoned_total',
      help: 'Requests whose caller left before the answer.',
      registers,
    });
    this.failovers = new Counter({
      name: 'rkms_failovers_total',
      help: 'Requests answered with a key that the preferred region alone would not have given, and why it would not.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of failoverReasons) this.failovers.inc({ reason }, 0);
    this.lacking = new Counter({
      name: 'rkms_answers_lacking_copies_total',
      help: 'Keys that were answered and that not every configured region holds.',
      registers,
    });
    this.joined = new Counter({
      name: 'rkms_single_flight_joined_total',
      help: 'Requests that shared the work of another one for the same key.',
      registers,
    });
  }

  answered({ route, method, status, durationMs, callerLeft, failure, served }: RequestAnswered): void {
    const labels = { route, method: knownMethod(method), status: String(status) };
    this.requests.inc({ ...labels, outcome: outcomeOf(failure) });
    this.durations.observe(labels, durationMs / 1_000);
    if (callerLeft) this.abandoned.inc();
    else if (served) this.served(served);
  }

  joinedFlight(): void {
    this.joined.inc();
  }

  private served({ failover, copies, regions }: KeyServed): void {
    if (failover) this.failovers.inc({ reason: failover });
    if (copies < regions) this.lacking.inc();
  }
}

/** Node's parser lets through many more. */
const knownMethod = (method: string): string => (method === 'GET' || method === 'POST' ? method : 'other');
