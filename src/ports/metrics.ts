// The page that a scraper reads. Events arrive as telemetry; current values are read from the running service at each
// scrape. Nothing here may name a key, a caller, or anything that a caller sent.
import type { Region } from '../domain/ids.js';
import type { RegionState } from '../domain/regions/region-state.js';
import type { Peers } from './peers.js';
import { token } from './token.js';

/** The current state of one region, of KMS or of the store. */
export interface RegionReading {
  readonly region: Region;
  readonly state: Pick<RegionState, 'kind'>;
  /** Time in this state, in milliseconds. */
  readonly sinceMs: number;
  /** The region throttles, and RKMS limits its calls to it. */
  readonly overQuota: boolean;
}

/** Current values of the running service. Each function returns at once and has no side effect. */
export interface MetricsSources {
  /** The other workers, whose values are added; absent when there are none. */
  readonly peers?: Pick<Peers, 'counts' | 'metrics'>;
  /** The KMS regions, in the order in which requests try them. */
  readonly regions: () => readonly RegionReading[];
  /** The store's regions in the same order; absent unless the store is in several regions. */
  readonly storeRegions?: () => readonly RegionReading[];
  /** The cache of records: how many it holds, and since the start how many reads found a fresh one, a stale one or none. */
  readonly recordCache: () => {
    readonly records: number;
    readonly reads: Readonly<Record<'fresh' | 'stale' | 'miss', number>>;
  };
  /** The key cache: how many keys it holds, and since the start how many requests found one or none; absent when it is off. */
  readonly keyCache?: () => {
    readonly keys: number;
    readonly reads: Readonly<Record<'hit' | 'miss', number>>;
  };
  /** The number of keys in the repair queue. */
  readonly waitingRepairs: () => number;
  /** The number of requests for keys in flight. */
  readonly requestsInFlight: () => number;
  /** Expiry of the certificates in use for TLS, in milliseconds since 1970; `file` is the path in the configuration. */
  readonly certificates: () => readonly { readonly file: string; readonly notAfterMs: number }[];
  readonly isAuditWorking: () => boolean;
  /** How many keys that the audit log names the store was found to lack. */
  readonly missingKeys: () => number;
  readonly isReady: () => boolean;
}

/** One scrape: the body of the response and its content type. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

export interface Metrics {
  /** Adds the values of this service and of the process to the page. Called once, after the service was created. */
  watch(sources: MetricsSources): void;
  read(): Promise<MetricsPage>;
  /** The values of this process, for the `read` of another worker. */
  export(): Promise<unknown>;
}

export const Metrics = token<Metrics>('Metrics');
