// Reads pages in Prometheus' text format and keeps them as series, one value per page. A line that does not follow the format
// is an error.

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface Series {
  readonly name: string;
  readonly labels: Labels;
  /** One per page; undefined where the page does not have the series. */
  readonly values: (number | undefined)[];
}

/** One metric of a page, by its name in `# TYPE`. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;

export function parsePage(text: string): {
  readonly families: readonly Family[];
  readonly samples: readonly Sample[];
} {
  const helps = new Map<string, string>();
  const families: Family[] = [];
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === 'HELP') helps.set(name, rest);
    else if (what === 'TYPE') families.push({ name, type: rest, help: helps.get(name) ?? '' });
    else samples.push(sampleOf(line));
  }
  return { families, samples };
}

function sampleOf(line: string): Sample {
  const [, name, pairs = '', value] = sampleLine.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
  const found = [...pairs.matchAll(labelPair)];
  if (found.map(([all]) => all).join('') !== pairs) throw new Error(`not labels: ${line}`);
  const labels: Labels = Object.fromEntries(
    found.map(([, label = '', text = '']) => [label, JSON.parse(`"${text}"`) as string] as const),
  );
  return { name, labels, value: value === '+Inf' ? Infinity : Number(value) };
}

/** The pages of one instance, in the order in which they were read. */
export class ScrapedMetrics {
  /** :: name and labels -> series */
  readonly #series = new Map<string, Series>();
  #pages = 0;

  /** `target` are the labels that a scraper adds. */
  constructor(private readonly target: Labels) {}

  add(page: string): void {
    const samples = [...parsePage(page).samples, { name: 'up', labels: {}, value: 1 }];
    for (const { name, labels, value } of samples) {
      const all = { ...labels, ...this.target };
      const key = `${name} ${JSON.stringify(Object.entries(all).sort())}`;
      const series = this.#series.get(key) ?? { name, labels: all, values: [] };
      series.values[this.#pages] = value;
      this.#series.set(key, series);
    }
    this.#pages += 1;
  }

  get pages(): number {
    return this.#pages;
  }

  series(): readonly Series[] {
    return [...this.#series.values()];
  }

  /** What the last page says of a metric. */
  last(name: string): readonly Omit<Sample, 'name'>[] {
    return this.series().flatMap((series) => {
      const value = series.values[this.#pages - 1];
      return series.name === name && value !== undefined ? [{ labels: series.labels, value }] : [];
    });
  }
}
