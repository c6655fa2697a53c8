// Keeps a number of workers running: starts the first one alone, so that a refused start is told once, then the others; replaces
// one that ends; passes on what workers tell each other; and stops all of them. Serves nothing and never holds a key.
import type { Clock } from '../../ports/clock.js';
import type { PeerOrder } from '../../ports/peers.js';
import { MetricsExchange, type AddCounters } from './metrics-exchange.js';
import type { FromWorker, ServedUrls, ToWorker } from './worker-messages.js';

/** A worker process. */
export interface Worker {
  readonly id: number;
  send(message: ToWorker): void;
  kill(): void;
}

export interface WorkerEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** `exitCode` is null when a signal ended it. */
  readonly onExit: (exitCode: number | null) => void;
}

export interface PoolParts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
  /** `served`: where the first worker listens; absent for that one. */
  readonly fork: (events: WorkerEvents, served: ServedUrls | undefined) => Worker;
  /** Called when the first worker serves. */
  readonly onServing: (urls: ServedUrls) => void;
  /** Called when a worker ended that was not told to, with the pause before the next one takes its place. */
  readonly onReplaced: (worker: number, exitCode: number | null, pauseMs: number) => void;
  /** Called before a worker is killed that has not answered for so long. */
  readonly onStuck: (worker: number, silentMs: number) => void;
  /** Called when no worker runs any more; `exitCode` is that of the service. */
  readonly onEnd: (exitCode: number) => void;
  readonly addCounters: AddCounters;
}

/** A worker that ends sooner than this after its start would do so again: the next one waits (ms). */
const soonMs = 10_000;
/** The pause doubles from the first with each of them, up to the second (ms). */
const firstPauseMs = 500;
const maxPauseMs = 30_000;
/** A worker stops within 25 s; one that does not is killed (ms). */
const killAfterMs = 30_000;
/**
 * How often a worker is asked whether its event loop runs (ms), and how many questions in a row it may leave unanswered. One that
 * hangs keeps its share of the connections, and `/livez` is mostly answered by the others. Questions are counted, not time: when
 * the machine was paused, none was asked.
 */
const pingMs = 5_000;
const maxUnanswered = 6;

interface Running {
  readonly worker: Worker;
  readonly startedMs: number;
  isServing: boolean;
  unanswered: number;
}

export class WorkerPool {
  private readonly running = new Map<number, Running>();
  /** The regions that are drained: a new worker drains them, too. */
  private readonly drained = new Map<string, PeerOrder>();
  private readonly metrics: MetricsExchange;
  private readonly planned = new Set<() => void>();
  private served: ServedUrls | undefined;
  private stopping = false;
  private soonEnded = 0;
  private replaced = 0;
  private exitCode = 0;

  constructor(
    private readonly parts: PoolParts,
    private readonly count: number,
  ) {
    this.metrics = new MetricsExchange(parts.clock, parts.addCounters);
  }

  private get serving(): readonly Worker[] {
    return [...this.running.values()].flatMap(({ worker, isServing }) => (isServing ? [worker] : []));
  }

  start(): void {
    this.fork();
    this.pingLater();
  }

  /** Lets every worker finish its requests; called again, kills them. */
  stop(why: string): void {
    if (this.stopping) {
      this.exitCode ||= 1;
      this.killAll();
      return;
    }
    this.stopping = true;
    for (const cancel of this.planned) cancel();
    for (const { worker } of this.running.values()) worker.send({ rkms: 'stop', why });
    this.planned.add(
      this.parts.clock.schedule(killAfterMs, () => {
        this.exitCode ||= 1;
        this.killAll();
      }),
    );
    this.endIfEmpty();
  }

  private fork(): void {
    let id = NaN;
    const events: WorkerEvents = {
      onMessage: (message) => {
        this.receive(id, message);
      },
      onExit: (exitCode) => {
        this.exited(id, exitCode);
      },
    };
    const worker = this.parts.fork(events, this.served);
    ({ id } = worker);
    const startedMs = this.parts.clock.monotonicMs();
    this.running.set(id, { worker, startedMs, isServing: false, unanswered: 0 });
    for (const order of this.drained.values()) worker.send({ rkms: 'order', order });
  }

  private receive(from: number, message: FromWorker): void {
    switch (message.rkms) {
      case 'serving':
        this.serves(from, message);
        return;
      case 'refused':
        this.exitCode = 1;
        if (!this.stopping) this.stop('refused');
        return;
      case 'order': {
        const { order } = message;
        this.remember(order);
        for (const { worker } of this.running.values()) if (worker.id !== from) worker.send(message);
        return;
      }
      case 'metrics-wanted': {
        const asking = this.running.get(from)?.worker;
        const others = this.serving.filter(({ id }) => id !== from);
        if (asking) this.metrics.collect(asking, message, others);
        return;
      }
      case 'metrics':
        this.metrics.take(from, message.question, message.metrics);
        return;
      case 'pong': {
        const found = this.running.get(from);
        if (found) found.unanswered = 0;
      }
    }
  }

  private remember(order: PeerOrder): void {
    const region = `${order.what} ${order.region}`;
    if (order.order === 'drain') this.drained.set(region, order);
    if (order.order === 'undrain') this.drained.delete(region);
  }

  private serves(id: number, { url, operationsUrl }: ServedUrls): void {
    const found = this.running.get(id);
    if (found) found.isServing = true;
    if (this.served === undefined) {
      this.served = { url, operationsUrl };
      this.parts.onServing(this.served);
      if (!this.stopping) for (let started = 1; started < this.count; started += 1) this.fork();
    }
    this.tellCounts();
  }

  private exited(id: number, exitCode: number | null): void {
    const ended = this.running.get(id);
    this.running.delete(id);
    this.metrics.retire(id);
    if (this.stopping || this.served === undefined) {
      // A start that is refused ends the service, as it would with one process.
      if (exitCode !== 0) this.exitCode ||= exitCode ?? 1;
      this.endIfEmpty();
      return;
    }
    const nowMs = this.parts.clock.monotonicMs();
    this.soonEnded = nowMs - (ended?.startedMs ?? nowMs) < soonMs ? this.soonEnded + 1 : 0;
    const pauseMs = this.soonEnded === 0 ? 0 : Math.min(firstPauseMs * 2 ** (this.soonEnded - 1), maxPauseMs);
    this.replaced += 1;
    this.parts.onReplaced(id, exitCode, pauseMs);
    this.tellCounts();
    const cancel = this.parts.clock.schedule(pauseMs, () => {
      this.planned.delete(cancel);
      this.fork();
    });
    this.planned.add(cancel);
  }

  private endIfEmpty(): void {
    if (this.running.size > 0) return;
    for (const cancel of this.planned) cancel();
    this.parts.onEnd(this.exitCode);
  }

  private pingLater(): void {
    const cancel = this.parts.clock.schedule(pingMs, () => {
      this.planned.delete(cancel);
      for (const each of this.running.values()) if (each.isServing) this.ping(each);
      this.pingLater();
    });
    this.planned.add(cancel);
  }

  private ping(each: Running): void {
    if (each.unanswered < maxUnanswered) {
      each.unanswered += 1;
      each.worker.send({ rkms: 'ping' });
      return;
    }
    this.parts.onStuck(each.worker.id, each.unanswered * pingMs);
    each.worker.kill();
  }

  private killAll(): void {
    for (const { worker } of this.running.values()) worker.kill();
  }

  private tellCounts(): void {
    const counts = { rkms: 'counts', running: this.serving.length, replaced: this.replaced } as const;
    for (const { worker } of this.running.values()) worker.send(counts);
  }
}
