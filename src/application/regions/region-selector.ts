// What a request needs to know about the regions: in which order to try them and how long to wait for each. An
// implementation learns from the beginning and the end of every call.
import type { Region } from '../../domain/ids.js';
import type { Pace } from '../../domain/regions/region-timing.js';
import type { RegionCall } from '../../ports/telemetry.js';
import { token } from '../../ports/token.js';

export interface RegionSelector {
  /** All regions, the one to try first in front. Must be fast: it is called for every request. */
  order(): readonly Region[];
  /** How long a call to the region may take, and when to send a hedge. */
  pace(region: Region): Pace;
  /** Whether the region is known not to answer now (its circuit is not closed): waiting for it is useless. */
  isEjected(region: Region): boolean;
  /** Whether calls to the region are known to have no answer in time: it is ejected, or slow. */
  isSilent(region: Region): boolean;
  /** Whether an operator took the region out of use: it is ejected, but not known to have a fault. */
  isDrained(region: Region): boolean;
  /** Whether the region throttles and has as many calls in flight as it accepts: it gets no hedge and no second try. */
  isOverQuota(region: Region): boolean;
  /** Whether all of these regions refuse us for the same reason: then calling one of them is enough. */
  hasSharedFault(regions: readonly Region[]): boolean;
  /** Must be called when a call begins, and followed by exactly one `report`, also when the call throws. */
  begin(region: Region): void;
  /** Must be called when a call ends. */
  report(call: RegionCall): void;
}

export const RegionSelector = token<RegionSelector>('RegionSelector');
