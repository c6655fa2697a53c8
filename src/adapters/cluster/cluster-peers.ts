// A worker's side of the channel to the process that started it, which passes messages on to the other workers.
import type { Clock } from '../../ports/clock.js';
import type { PeerCounts, PeerOrder, Peers } from '../../ports/peers.js';
import type { FromWorker, ServedUrls, ToWorker } from './worker-messages.js';

/** How long the answer with the metrics of the others may take (ms). They have a second of it. */
const metricsTimeoutMs = 2_000;

export class ClusterPeers implements Peers {
  private present: PeerCounts = { running: 1, replaced: 0 };
  private act: (order: PeerOrder) => void = () => undefined;
  private early: PeerOrder[] | undefined = [];
  private exportMetrics: () => Promise<unknown> = () => Promise.resolve([]);
  private isStopping = false;
  private questions = 0;
  /** :: question -> takes the answer */
  private readonly asked = new Map<number, (metrics: readonly unknown[]) => void>();

  constructor(
    private readonly send: (message: FromWorker) => void,
    private readonly clock: Pick<Clock, 'schedule'>,
    private readonly onStop: (why: string) => void,
    readonly isFirst: boolean,
  ) {}

  readonly counts = (): PeerCounts => this.present;

  serving({ url, operationsUrl }: ServedUrls): void {
    this.send({ rkms: 'serving', url, operationsUrl });
  }

  refused(): void {
    this.send({ rkms: 'refused' });
  }

  tell(order: PeerOrder): void {
    this.send({ rkms: 'order', order });
  }

  onOrder(act: (order: PeerOrder) => void): void {
    this.act = act;
    for (const order of this.early ?? []) act(order);
    this.early = undefined;
  }

  onMetrics(exportMetrics: () => Promise<unknown>): void {
    this.exportMetrics = exportMetrics;
  }

  metrics(own: unknown): Promise<readonly unknown[]> {
    const question = (this.questions += 1);
    return new Promise((resolve) => {
      const end = (metrics: readonly unknown[]): void => {
        cancel();
        this.asked.delete(question);
        resolve(metrics);
      };
      const cancel = this.clock.schedule(metricsTimeoutMs, () => {
        end([]);
      });
      this.asked.set(question, end);
      this.send({ rkms: 'metrics-wanted', question, own });
    });
  }

  /** Takes a message of the process that started this one. */
  receive(message: ToWorker): void {
    switch (message.rkms) {
      case 'stop':
        if (!this.isStopping) this.onStop(message.why);
        this.isStopping = true;
        return;
      case 'counts':
        this.present = { running: message.running, replaced: message.replaced };
        return;
      case 'order':
        if (this.early) this.early.push(message.order);
        else this.act(message.order);
        return;
      case 'metrics-wanted':
        void this.answer(message.question);
        return;
      case 'all-metrics':
        this.asked.get(message.question)?.(message.metrics);
        return;
      case 'ping':
        this.send({ rkms: 'pong' });
    }
  }

  private async answer(question: number): Promise<void> {
    this.send({ rkms: 'metrics', question, metrics: await this.exportMetrics() });
  }
}
