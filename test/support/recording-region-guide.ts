// A region guide whose order tests may change, and which keeps what it was told.
import type { RegionGuide } from '../../src/application/region-guide.js';
import type { Region } from '../../src/domain/ids.js';
import type { VaultCall } from '../../src/ports/telemetry.js';

export class RecordingRegionGuide implements RegionGuide {
  readonly reports: VaultCall[] = [];

  constructor(public regions: readonly Region[]) {}

  order(): readonly Region[] {
    return this.regions;
  }

  report(call: VaultCall): void {
    this.reports.push(call);
  }
}
