// What only grows stays in the sum when a worker ends; what is now does not.
import { expect, it } from '@jest/globals';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { addCounters } from '../../../src/adapters/prometheus/add-counters.js';

/** What a worker exports that has counted so much, as it arrives: as JSON. */
async function exportOf(count: number): Promise<unknown> {
  const registers = [new Registry()];
  new Counter({ name: 'requests', help: 'a', labelNames: ['route'], registers }).inc({ route: '/' }, count);
  new Counter({ name: 'replaced', help: 'b', aggregator: 'max', registers }).inc(count);
  new Histogram({ name: 'duration', help: 'c', buckets: [1], registers }).observe(count);
  new Gauge({ name: 'in_flight', help: 'd', registers }).set(count);
  const [registry] = registers;
  return JSON.parse(JSON.stringify(await registry?.getMetricsAsJSON()));
}

it('counters and histograms are added series by series; gauges, and counters that are no sum, are left out', async () => {
  const first = addCounters(undefined, await exportOf(3));
  const both = addCounters(first, await exportOf(1));
  expect(both.map(({ name, values }) => [name, values.map(({ value }) => value)])).toEqual([
    ['requests', [4]],
    ['duration', [1, 2, 4, 2]],
  ]);
  expect(both[0]?.values[0]?.labels).toEqual({ route: '/' });
});
