// A region guide that says of every call that begins where it went, for a budget to count.
import type { Region } from '../../domain/ids.js';
import type { Pace } from '../../domain/regions/region-timing.js';
import type { VaultCall } from '../../ports/telemetry.js';
import type { RegionSelector } from './region-selector.js';

export class CountedGuide implements RegionSelector {
  constructor(
    private readonly guide: RegionSelector,
    private readonly count: (region: Region) => void,
  ) {}

  order(): readonly Region[] {
    return this.guide.order();
  }

  pace(region: Region): Pace {
    return this.guide.pace(region);
  }

  isEjected(region: Region): boolean {
    return this.guide.isEjected(region);
  }

  isDrained(region: Region): boolean {
    return this.guide.isDrained(region);
  }

  isOverQuota(region: Region): boolean {
    return this.guide.isOverQuota(region);
  }

  hasSharedFault(regions: readonly Region[]): boolean {
    return this.guide.hasSharedFault(regions);
  }

  begin(region: Region): void {
    this.count(region);
    this.guide.begin(region);
  }

  report(call: VaultCall): void {
    this.guide.report(call);
  }
}
