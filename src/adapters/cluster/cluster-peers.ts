// A worker's side of the channel to the process that started it, which passes messages on to the other workers.
import type { Clock } from '../../ports/clock.js';
import type { PeerCounts, PeerOrder, Peers } from '../../ports/peers.js';
import type { FromWorker, ServedUrls, ToWorker } from './worker-messages.js';

/** How long the others have to send their metrics (ms): less than a scrape may take. */
const metricsTimeoutMs = 1_000;

export class ClusterPeers implements Peers {
  private present: PeerCounts = { running: 1, replaced: 0 };
  private act: (order: PeerOrder) => void = () => undefined;
  private early: PeerOrder[] | undefined = [];
  private exportMetrics: () => Promise<unknown> = () => Promise.resolve([]);
  private questions = 0;
  /** :: question -> takes one more answer */
  private readonly asked = new Map<number, (metrics: unknown) => void>();

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

  metrics(): Promise<readonly unknown[]> {
    const wanted = this.present.running - 1;
    if (wanted <= 0) return Promise.resolve([]);
    const question = (this.questions += 1);
    const answers: unknown[] = [];
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.asked.delete(question);
        resolve(answers);
      };
      const cancel = this.clock.schedule(metricsTimeoutMs, end);
      this.asked.set(question, (metrics) => {
        answers.push(metrics);
        if (answers.length === wanted) end();
      });
      this.send({ rkms: 'metrics-wanted', question });
    });
  }

  /** Takes a message of the process that started this one. */
  receive(message: ToWorker): void {
    switch (message.rkms) {
      case 'stop':
        this.onStop(message.why);
        return;
      case 'counts':
        this.present = { running: message.running, replaced: message.replaced };
        return;
      case 'order':
        if (this.early) this.early.push(message.order);
        else this.act(message.order);
        return;
      case 'metrics-wanted':
        void this.answer(message.question, message.from);
        return;
      case 'metrics':
        this.asked.get(message.question)?.(message.metrics);
    }
  }

  private async answer(question: number, to: number): Promise<void> {
    this.send({ rkms: 'metrics', question, to, metrics: await this.exportMetrics() });
  }
}
