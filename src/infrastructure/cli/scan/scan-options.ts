// The values of the options that verify, repair and import share.
import type { ScanSettings } from '../../../application/maintenance/scan-keys.js';
import type { ConfigOption } from '../support/declare.js';

/** What commander returns for verify, repair and import. */
export interface ScanOptions extends ConfigOption {
  /** Keys per second, at most. */
  readonly rate?: number;
  readonly concurrency: number;
  readonly resume?: boolean;
  readonly json?: boolean;
  /** The share of the keys that is visited, above 0 and up to 1. */
  readonly sample?: number;
}

export const scanSettings = ({ rate, concurrency, sample }: ScanOptions): ScanSettings => ({
  concurrency,
  ...(rate !== undefined && { perSecond: rate }),
  share: sample ?? 1,
});
