// A region selector whose order and pace tests may change, and which records every call that it is given.
import type { RegionSelector } from '../../src/application/regions/region-selector.js';
import type { Region } from '../../src/domain/ids.js';
import type { Pace } from '../../src/domain/regions/region-timing.js';
import type { RegionCall } from '../../src/ports/telemetry.js';

export class RecordingRegionSelector implements RegionSelector {
  readonly reports: RegionCall[] = [];
  /** The region of every call that was begun, in order. */
  readonly begun: Region[] = [];
  /** :: region -> a pace of its own; all others keep the usual one. */
  readonly paces = new Map<Region, Pace>();

  constructor(
    public regions: readonly Region[],
    private readonly usual: Pace,
  ) {}

  order(): readonly Region[] {
    return this.regions;
  }

  pace(region: Region): Pace {
    return this.paces.get(region) ?? this.usual;
  }

  /** Regions known to be down. */
  readonly ejected = new Set<Region>();

  isEjected(region: Region): boolean {
    return this.ejected.has(region);
  }

  isSilent(region: Region): boolean {
    return this.isEjected(region);
  }

  /** Regions that an operator took out of use; tests add them to `ejected` as well. */
  readonly drained = new Set<Region>();

  isDrained(region: Region): boolean {
    return this.drained.has(region);
  }

  /** Regions that throttle and accept no further call. */
  readonly overQuota = new Set<Region>();
  /** Why regions refuse us. :: region -> reason */
  readonly faults = new Map<Region, string>();

  isOverQuota(region: Region): boolean {
    return this.overQuota.has(region);
  }

  hasSharedFault(regions: readonly Region[]): boolean {
    const faults = new Set(regions.map((region) => this.faults.get(region)));
    return faults.size === 1 && !faults.has(undefined);
  }

  begin(region: Region): void {
    this.begun.push(region);
  }

  report(call: RegionCall): void {
    this.reports.push(call);
  }
}
