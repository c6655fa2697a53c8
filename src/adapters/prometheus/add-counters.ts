// Adds what only grows, of workers that have ended: counters and histograms. Gauges say what is now, and end with their process.

interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

/** A metric as prom-client exports it (`Registry.getMetricsAsJSON`), after a way through JSON. */
interface Exported {
  readonly name: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly Value[];
}

/** The counters of `ended`, added to those of `sum`. Both are exports; the result is one, too. */
export function addCounters(sum: unknown, ended: unknown): readonly Exported[] {
  const metrics = new Map((sum as readonly Exported[] | undefined)?.map((metric) => [metric.name, metric]));
  for (const metric of ended as readonly Exported[]) {
    if (metric.type !== 'counter' && metric.type !== 'histogram') continue;
    // One that is not a sum over the workers is complete without those that have ended.
    if (metric.aggregator !== 'sum') continue;
    const before = metrics.get(metric.name)?.values ?? [];
    metrics.set(metric.name, { ...metric, values: added([...before, ...metric.values]) });
  }
  return [...metrics.values()];
}

/** One value for each series. */
function added(values: readonly Value[]): readonly Value[] {
  const series = new Map<string, Value>();
  for (const value of values) {
    const labels = Object.entries(value.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([value.metricName, labels]);
    series.set(key, { ...value, value: (series.get(key)?.value ?? 0) + value.value });
  }
  return [...series.values()];
}
