// How the regions are at this moment, read when the page is: the state and the circuit of each, since when, and its place in
// the order. Every state has its series, 1 for the one that holds, so that a query need not know what is missing.
import { Gauge, type Registry } from 'prom-client';
import { circuitOf } from '../../domain/regions/region-state.js';
import type { RegionReading } from '../../ports/metrics.js';

const states = Object.keys(circuitOf);
const circuits = [...new Set(Object.values(circuitOf))];

/** Whose regions, as names of metrics and as words for people. */
export interface RegionWords {
  readonly prefix: 'rkms_region' | 'rkms_store_region';
  readonly what: string;
}

export const vaultWords: RegionWords = { prefix: 'rkms_region', what: 'a region' };
export const storeWords: RegionWords = { prefix: 'rkms_store_region', what: 'the store in a region' };

export class RegionMetrics {
  private readonly state: Gauge<'region' | 'state'>;
  private readonly circuit: Gauge<'region' | 'circuit'>;
  private readonly age: Gauge<'region'>;
  private readonly order: Gauge<'region'>;
  private readonly overQuota: Gauge<'region'>;

  /** `read` is asked once for each page. */
  constructor(registry: Registry, { prefix, what }: RegionWords, read: () => readonly RegionReading[]) {
    const gauge = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[],
      collect?: () => void,
    ): Gauge<Label> =>
      new Gauge({
        name: `${prefix}_${name}`,
        help,
        labelNames,
        registers: [registry],
        ...(collect && { collect }),
      });
    const collect = (): void => {
      this.set(read());
    };
    // The first in the registry, so that its `collect` has set the others before they are read.
    this.state = gauge('state', `1 for the state that ${what} is in.`, ['region', 'state'], collect);
    this.circuit = gauge('circuit', `1 for the circuit of ${what} as it is: closed, half-open or open.`, [
      'region',
      'circuit',
    ]);
    this.age = gauge('state_age_seconds', `How long ago the state of ${what} was entered.`, ['region']);
    this.order = gauge('order', `The place of ${what} in the order in which requests try them; 1 is first.`, [
      'region',
    ]);
    this.overQuota = gauge('over_quota', `1 while ${what} throttles and has as many calls as it takes.`, [
      'region',
    ]);
  }

  private set(readings: readonly RegionReading[]): void {
    for (const [index, { region, state, sinceMs, overQuota }] of readings.entries()) {
      for (const each of states) this.state.set({ region, state: each }, each === state.kind ? 1 : 0);
      const now = circuitOf[state.kind];
      for (const circuit of circuits) this.circuit.set({ region, circuit }, circuit === now ? 1 : 0);
      this.age.set({ region }, sinceMs / 1_000);
      this.order.set({ region }, index + 1);
      this.overQuota.set({ region }, overQuota ? 1 : 0);
    }
  }
}
