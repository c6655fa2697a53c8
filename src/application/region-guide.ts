// Says in which order to try the regions, and hears how every call to them ended. Here the order is the configured one;
// whoever learns from the outcomes takes this place by another binding.
import type { Region } from '../domain/ids.js';
import type { VaultCall } from '../ports/telemetry.js';
import { token } from '../ports/token.js';

export interface RegionGuide {
  /** All regions, the one to try first in front. Answers at once: requests wait for it. */
  order(): readonly Region[];
  /** Told after every call, in the order in which calls end. */
  report(call: VaultCall): void;
}

export const RegionGuide = token<RegionGuide>('RegionGuide');

/** The regions as configured, whatever happens to them. */
export const configuredOrder = (regions: readonly Region[]): RegionGuide => ({
  order: () => regions,
  report: () => undefined,
});
