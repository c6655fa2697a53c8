// What the metrics are asked for and what they ask: events arrive as telemetry, all else is read from the running service
// at the moment at which somebody reads the metrics. Nothing here may name a key, a caller or anything that a caller sent.
import type { Region } from '../domain/ids.js';
import type { RegionState } from '../domain/regions/region-state.js';
import { token } from './token.js';

/** How one region is. */
export interface RegionReading {
  readonly region: Region;
  readonly state: Pick<RegionState, 'kind'>;
  /** How long it has been in this state, in milliseconds. */
  readonly sinceMs: number;
  readonly overQuota: boolean;
}

/** What is read from the running service. Each answers at once and without a side effect. */
export interface MetricsSources {
  /** The regions of the vaults, in the order in which requests try them. */
  readonly regions: () => readonly RegionReading[];
  /** The same of a store that is in several regions. */
  readonly storeRegions?: () => readonly RegionReading[];
  /** How many keys wait for repair. */
  readonly waitingRepairs: () => number;
  /** How many requests for keys are under way. */
  readonly requestsInFlight: () => number;
  /** When the certificates that TLS is spoken with end; `file` is as the configuration names it. */
  readonly certificates: () => readonly { readonly file: string; readonly notAfterMs: number }[];
  readonly isAuditWorking: () => boolean;
  readonly isReady: () => boolean;
}

/** Metrics in a form that a scraper reads. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

export interface Metrics {
  /** From now on the page tells of this service, and of the process. Called once, when the service is there. */
  watch(sources: MetricsSources): void;
  read(): Promise<MetricsPage>;
}

export const Metrics = token<Metrics>('Metrics');
