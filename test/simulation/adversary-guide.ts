// A region selector that returns random answers: any order, any timing, different on every call. What holds with it holds
// with the real supervisor, whatever state that has for the regions.
import type { RegionSelector } from '../../src/application/regions/region-selector.js';
import type { Region } from '../../src/domain/ids.js';
import type { Pace } from '../../src/domain/regions/region-timing.js';
import type { Random } from './random.js';

export class AdversaryGuide implements RegionSelector {
  constructor(
    private readonly regions: readonly Region[],
    private readonly random: Random,
  ) {}

  order(): readonly Region[] {
    return this.random.shuffled(this.regions);
  }

  pace(): Pace {
    return { attemptTimeoutMs: this.random.between(150, 1_000), hedgeAfterMs: this.random.between(30, 300) };
  }

  isEjected(): boolean {
    return this.random.chance(0.2);
  }

  isSilent(): boolean {
    return this.random.chance(0.2);
  }

  isDrained(): boolean {
    return this.random.chance(0.1);
  }

  isOverQuota(): boolean {
    return this.random.chance(0.2);
  }

  hasSharedFault(): boolean {
    return this.random.chance(0.2);
  }

  begin(): void {
    // Its answers are random, so it learns nothing from calls.
  }

  report(): void {
    // Its answers are random, so it learns nothing from calls.
  }
}
