// Collects the metrics of all workers for the one that is scraped. Keeps the last values of each: Prometheus takes a sum that falls
// for a restart and counts all that is left a second time, so the counters of a worker that ended stay in the sum, and those of one
// that does not answer in time stay as they were.
import type { Clock } from '../../ports/clock.js';
import type { MetricsWanted, ToWorker } from './worker-messages.js';

/** How long the workers have to send their metrics (ms): less than a scrape may take. */
const collectMs = 1_000;

/** A worker that can be asked. */
export interface AskedWorker {
  readonly id: number;
  send(message: ToWorker): void;
}

/** The sum of two exports, with nothing in it but counters; `sum` is undefined at first. */
export type AddCounters = (sum: unknown, ended: unknown) => unknown;

interface Collection {
  readonly missing: Set<number>;
  readonly end: () => void;
}

export class MetricsExchange {
  /** :: worker -> the last values that were shown to a scraper */
  private readonly last = new Map<number, unknown>();
  private readonly collections = new Map<number, Collection>();
  private ended: unknown;
  private count = 0;

  constructor(
    private readonly clock: Pick<Clock, 'schedule'>,
    private readonly addCounters: AddCounters,
  ) {}

  /** Answers the worker `to` with what the others export. */
  collect(to: AskedWorker, { question, own }: MetricsWanted, others: readonly AskedWorker[]): void {
    this.last.set(to.id, own);
    const id = (this.count += 1);
    const end = (): void => {
      cancel();
      this.collections.delete(id);
      const metrics = [...this.last].flatMap(([worker, values]) => (worker === to.id ? [] : [values]));
      if (this.ended !== undefined) metrics.push(this.ended);
      to.send({ rkms: 'all-metrics', question, metrics });
    };
    const cancel = this.clock.schedule(collectMs, end);
    this.collections.set(id, { missing: new Set(others.map((other) => other.id)), end });
    for (const other of others) other.send({ rkms: 'metrics-wanted', question: id });
    this.endIfComplete(id);
  }

  /** Takes the answer of one worker to a question of `collect`. */
  take(from: number, question: number, metrics: unknown): void {
    this.last.set(from, metrics);
    this.collections.get(question)?.missing.delete(from);
    this.endIfComplete(question);
  }

  /** Keeps the counters of a worker that has ended. */
  retire(worker: number): void {
    const values = this.last.get(worker);
    this.last.delete(worker);
    if (values !== undefined) this.ended = this.addCounters(this.ended, values);
    for (const [question, { missing }] of this.collections) {
      missing.delete(worker);
      this.endIfComplete(question);
    }
  }

  private endIfComplete(question: number): void {
    const collection = this.collections.get(question);
    if (collection?.missing.size === 0) collection.end();
  }
}
