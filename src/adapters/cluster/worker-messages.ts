// What a worker and the process that started it tell each other. Node sends these objects as JSON; metrics are whatever the
// adapter of metrics exports.
import type { PeerCounts, PeerOrder } from '../../ports/peers.js';

/** Where a worker serves: both URLs, as a service of one process prints them. */
export interface ServedUrls {
  readonly url: string;
  readonly operationsUrl: string;
}

export type WorkerPorts = readonly [server: number, operations: number];

/**
 * The first message to a worker. It gets the text of the configuration from the start of the service: the file may have changed
 * since, and workers must not differ. `ports`: where the first worker listens; absent for that one.
 */
export interface WorkerStart {
  readonly rkms: 'start';
  readonly toml: string;
  readonly ports?: WorkerPorts;
}

/** A worker is scraped, and exports `own`. */
export interface MetricsWanted {
  readonly rkms: 'metrics-wanted';
  readonly question: number;
  readonly own: unknown;
}

/** From a worker. `refused`: a check at its start failed for good, so that none can serve. */
export type FromWorker =
  | ({ readonly rkms: 'serving' } & ServedUrls)
  | { readonly rkms: 'refused' }
  | { readonly rkms: 'order'; readonly order: PeerOrder }
  | MetricsWanted
  | { readonly rkms: 'metrics'; readonly question: number; readonly metrics: unknown }
  | { readonly rkms: 'pong' };

/** To a worker. `all-metrics` answers its question with the metrics of the others. */
export type ToWorker =
  | { readonly rkms: 'stop'; readonly why: string }
  | ({ readonly rkms: 'counts' } & PeerCounts)
  | { readonly rkms: 'order'; readonly order: PeerOrder }
  | { readonly rkms: 'metrics-wanted'; readonly question: number }
  | { readonly rkms: 'all-metrics'; readonly question: number; readonly metrics: readonly unknown[] }
  | { readonly rkms: 'ping' };

/** Packages may send messages of their own over Node's channel. */
export const isFromWorker = (message: unknown): message is FromWorker => isOurs(message);
export const isToWorker = (message: unknown): message is ToWorker | WorkerStart => isOurs(message);

const isOurs = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'rkms' in message;
