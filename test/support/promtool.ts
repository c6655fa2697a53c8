// Evaluates PromQL with Prometheus' own tool. The scraped pages become the series of a rule test whose expectations are empty,
// so that promtool prints the result of every query that gives one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Labels, ScrapedMetrics, Series } from './scraped-metrics.js';

export interface Value {
  readonly labels: Labels;
  readonly value: number;
}

/** promtool is in Debian's package `prometheus`. */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** Why a test is skipped where the tool is missing, for its name. */
export const needsPromtool = hasPromtool ? '' : ' (skipped: promtool is not installed)';

const stepMs = 250;

/**
 * The values of each query at the time of the last page; the pages count as scraped every 250 ms.
 * :: query -> values
 */
export function evaluate(
  queries: readonly string[],
  scraped: ScrapedMetrics,
): ReadonlyMap<string, readonly Value[]> {
  const atMs = (scraped.pages - 1) * stepMs;
  const test = {
    interval: `${stepMs}ms`,
    input_series: scraped.series().map((series) => ({
      series: selector(series),
      values: valuesOf(series, scraped.pages),
    })),
    promql_expr_test: queries.map((expr) => ({ expr, eval_time: `${atMs}ms` })),
  };
  const found = new Map(printed(JSON.stringify({ evaluation_interval: `${stepMs}ms`, tests: [test] })));
  return new Map(queries.map((query) => [query, found.get(query) ?? []]));
}

const selector = ({ name, labels }: Series): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(',')}}`;

/** A series that a page does not have any more is stale, as after a scrape without it. */
function valuesOf({ values }: Series, pages: number): string {
  return Array.from({ length: pages }, (_, page) => {
    const value = values[page];
    if (value === undefined) return values[page - 1] === undefined ? '_' : 'stale';
    return value === Infinity ? 'Inf' : String(value);
  }).join(' ');
}

function printed(test: string): readonly (readonly [string, readonly Value[]])[] {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-promtool-'));
  try {
    // JSON is YAML.
    writeFileSync(join(folder, 'test.yml'), test);
    const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', join(folder, 'test.yml')], {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    const results = [
      ...`${stdout}${stderr}`.matchAll(/^ {4}expr: (".*"), time: .*\n +exp: nil\n +got: (.*)$/gm),
    ];
    // An error of promtool itself has another form.
    const failures = `${stdout}${stderr}`.match(/^ {4}expr: /gm)?.length ?? 0;
    if (failures !== results.length || /\berr(or)?\b/.test(stderr.split('FAILED:')[0] ?? '')) {
      throw new Error(`promtool: ${stdout}${stderr}`);
    }
    return results.map(([, expr = '', got = '']) => [JSON.parse(expr) as string, samplesIn(got)] as const);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function samplesIn(text: string): readonly Value[] {
  const sample = /\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\} ([^,\s]+)(?:, |$)/gy;
  return [...text.matchAll(sample)].map(([, pairs = '', value = '']) => ({
    labels: Object.fromEntries(
      [...pairs.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, label = '', quoted = '""']) => [
        label,
        JSON.parse(quoted) as string,
      ]),
    ),
    value: Number(value.replace('Inf', 'Infinity')),
  }));
}
