// What a request needs to know about the regions: in which order to try them and how long to wait for each. It is told of
// every call, from its beginning to its end, and may learn from that.
import type { Region } from '../../domain/ids.js';
import type { Pace } from '../../domain/regions/region-timing.js';
import type { RegionCall } from '../../ports/telemetry.js';
import { token } from '../../ports/token.js';

export interface RegionSelector {
  /** All regions, the one to try first in front. Answers at once: requests wait for it. */
  order(): readonly Region[];
  /** How long a call to the region may take, and after how long to ask another one as well. */
  pace(region: Region): Pace;
  /** Whether the region is known not to answer now: whoever waits for it waits in vain. */
  isEjected(region: Region): boolean;
  /** Whether an operator took the region out of use: it is left alone, but nobody knows of a fault of its own. */
  isDrained(region: Region): boolean;
  /** Whether the region throttles and has as many calls under way as it takes: it gets none that can be spared. */
  isOverQuota(region: Region): boolean;
  /** Whether all of these regions refuse us for one and the same reason: one that is asked speaks for all. */
  hasSharedFault(regions: readonly Region[]): boolean;
  /** A call begins; its end is reported, too. */
  begin(region: Region): void;
  /** Told after every call, in the order in which calls end. */
  report(call: RegionCall): void;
}

export const RegionSelector = token<RegionSelector>('RegionGuide');
