// The other worker processes of this service, where several share its listeners. What an operator orders in one of them holds in
// all, and the metrics of one are those of all.
import type { Region } from '../domain/ids.js';
import { token } from './token.js';

/** An operator's order that one worker carried out. */
export interface PeerOrder {
  readonly what: 'region' | 'store-region';
  readonly region: Region;
  readonly order: 'drain' | 'undrain' | 'lift-quarantine';
}

export interface PeerCounts {
  /** How many workers serve now, this one included. */
  readonly running: number;
  /** How many were replaced since the service started. */
  readonly replaced: number;
}

export interface Peers {
  /** Absent where this process is the only one. */
  readonly counts?: () => PeerCounts;
  /** Whether this worker is the first that listens on the ports that all share; absent where this process is the only one. */
  readonly isFirst?: boolean;
  /** Tells the others of an order that was carried out here. */
  tell(order: PeerOrder): void;
  /** Calls `act` for each order of another worker, also for those from before this one began. */
  onOrder(act: (order: PeerOrder) => void): void;
  /**
   * What the others export: the last known values of one that does not answer within a second, and the counters of those that
   * have ended. `own`: what this worker exports now.
   */
  metrics(own: unknown): Promise<readonly unknown[]>;
  /** What the others get when they ask for the metrics of this worker. */
  onMetrics(exportMetrics: () => Promise<unknown>): void;
}

/** There are no others. */
export const noPeers: Peers = {
  tell: () => undefined,
  onOrder: () => undefined,
  metrics: () => Promise.resolve([]),
  onMetrics: () => undefined,
};

export const Peers = token<Peers>('Peers');
