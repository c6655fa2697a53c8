// What a worker and the process that started it tell each other. Node sends these objects as JSON; metrics are whatever the
// adapter of metrics exports.
import type { PeerCounts, PeerOrder } from '../../ports/peers.js';

/** Where a worker serves: both URLs, as a service of one process prints them. */
export interface ServedUrls {
  readonly url: string;
  readonly operationsUrl: string;
}

/** From a worker. `refused`: a check at its start failed for good, so that none can serve. */
export type FromWorker =
  | ({ readonly rkms: 'serving' } & ServedUrls)
  | { readonly rkms: 'refused' }
  | { readonly rkms: 'order'; readonly order: PeerOrder }
  | { readonly rkms: 'metrics-wanted'; readonly question: number }
  | { readonly rkms: 'metrics'; readonly question: number; readonly to: number; readonly metrics: unknown };

/** To a worker; `from` is the worker that asks. */
export type ToWorker =
  | { readonly rkms: 'stop'; readonly why: string }
  | ({ readonly rkms: 'counts' } & PeerCounts)
  | { readonly rkms: 'order'; readonly order: PeerOrder }
  | { readonly rkms: 'metrics-wanted'; readonly question: number; readonly from: number }
  | { readonly rkms: 'metrics'; readonly question: number; readonly metrics: unknown };

/** Whether a message of Node's channel is one of ours; packages may send their own. */
export const isOurs = (message: unknown): message is FromWorker & ToWorker =>
  typeof message === 'object' && message !== null && 'rkms' in message;
