// What watches RKMS knows what it watches: the list of metrics, the alerts, their runbooks and the dashboard are held against
// the metrics that there are.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { fullMetrics } from '../support/full-metrics.js';
import { alerts, alertsPath, dashboardPanels, dashboardQueries } from '../support/monitored.js';
import { allParts, parsePromql, type Expr } from '../support/promql.js';
import { parsePage, type Family } from '../support/scraped-metrics.js';

/** :: metric -> the labels that it has */
const labelsOf = new Map<string, Set<string>>();
let families: readonly Family[];
beforeAll(async () => {
  const page = parsePage((await fullMetrics().read()).text);
  families = page.families;
  for (const { name, labels } of page.samples) {
    const known = labelsOf.get(name) ?? new Set<string>();
    for (const label of Object.keys(labels)) known.add(label);
    labelsOf.set(name, known);
  }
  labelsOf.set('up', new Set());
});

const withoutLe = (labels: Iterable<string>): readonly string[] =>
  [...labels].filter((label) => label !== 'le').sort();

describe('docs/metrics.md', () => {
  const row = /^\| `([a-z0-9_]+)` +\| (counter|gauge|histogram) +\| ([^|]*?) *\| (.*?) *\|$/gm;
  const listed = [...readFileSync('docs/metrics.md', 'utf8').matchAll(row)].map(
    ([, name = '', type = '', labels = '', help = '']) => ({ name, type, labels, help }),
  );

  it('lists every metric, with its type and what it says, and no other', () => {
    const told = listed.map(({ name, type, help }) => ({ name, type, help }));
    const byName = (a: Family, b: Family): number => a.name.localeCompare(b.name);
    expect(told.sort(byName)).toEqual([...families].sort(byName));
  });

  it('lists the labels of every metric of ours', () => {
    const ours = listed.filter(({ name }) => name.startsWith('rkms_'));
    const told = ours.map(({ name, labels }) => [
      name,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(),
    ]);
    const found = ours.map(({ name, type }) => {
      const labels = labelsOf.get(type === 'histogram' ? `${name}_bucket` : name) ?? [];
      return [name, withoutLe(labels)];
    });
    expect(told).toEqual(found);
    expect(ours.length).toBeGreaterThan(30);
  });
});

/** What an expression asks for that there is not. */
function missingIn(text: string): readonly string[] {
  const expr = parsePromql(text);
  const target = ['job', 'instance'];
  const known = (part: Expr): ReadonlySet<string> =>
    new Set([
      ...target,
      ...allParts(part).flatMap((each) =>
        each.kind === 'select' ? [...(labelsOf.get(each.metric) ?? [])] : [],
      ),
    ]);
  return allParts(expr).flatMap((part) => {
    switch (part.kind) {
      case 'select': {
        if (!labelsOf.has(part.metric)) return [`the metric ${part.metric}`];
        const labels = known(part);
        return part.matchers.flatMap(({ label }) =>
          labels.has(label) ? [] : [`the label ${label} of ${part.metric}`],
        );
      }
      case 'aggregate': {
        const labels = known(part);
        return part.grouping.labels.flatMap((label) => (labels.has(label) ? [] : [`the label ${label}`]));
      }
      case 'binary': {
        const labels = known(part);
        return (part.matching?.labels ?? []).flatMap((label) =>
          labels.has(label) ? [] : [`the label ${label}`],
        );
      }
      case 'number':
      case 'call':
        return [];
    }
  });
}

it('an expression that asks for what there is not is found out', () => {
  expect(
    missingIn('sum by (caller) (rate(rkms_keys_made_total{id="a"}[5m])) > rkms_ready{region="a"}'),
  ).toEqual(['the label caller', 'the metric rkms_keys_made_total', 'the label region of rkms_ready']);
  expect(() => parsePromql('sum by (rkms_ready')).toThrow('no PromQL at');
});

describe('the alerts', () => {
  const all = alerts();

  it.each(all.map(({ alert, expr }) => [alert, expr]))(
    '%s asks for metrics and labels that there are',
    (_, expr) => {
      expect(missingIn(expr)).toEqual([]);
    },
  );

  it('each have a severity, a summary, a description, and the runbook of their name', () => {
    const kebab = (alert: string): string =>
      alert
        .replace(/^Rkms/, '')
        .replaceAll(/(?<!^)[A-Z]/g, (c) => `-${c}`)
        .toLowerCase();
    expect(all.map(({ labels, annotations }) => ({ labels, annotations }))).toEqual(
      all.map(({ alert }) => ({
        labels: { severity: expect.stringMatching(/^(critical|warning)$/) },
        annotations: {
          summary: expect.stringMatching(/^.{10,60}$/),
          description: expect.stringMatching(/\.$/),
          runbook_url: `docs/runbooks/${kebab(alert)}.md`,
        },
      })),
    );
  });

  it('have a runbook each, every runbook has its alert, and the index has all of them', () => {
    const books = readdirSync('docs/runbooks').filter((name) => name !== 'README.md');
    expect(books.map((name) => `docs/runbooks/${name}`).sort()).toEqual(
      all.map(({ annotations }) => annotations['runbook_url']).sort(),
    );
    const index = readFileSync('docs/runbooks/README.md', 'utf8');
    const rows = [...index.matchAll(/^\| \[(\w+)\]\(([a-z-]+\.md)\) +\| (\w+) +\| (.*?) +\|$/gm)].map(
      ([, ...cells]) => cells,
    );
    expect(rows).toEqual(
      all.map(({ alert, labels, annotations: { runbook_url: url = '', summary } }) => [
        alert,
        url.replace('docs/runbooks/', ''),
        labels['severity'],
        summary,
      ]),
    );
  });

  it('are explained in the same five steps, each with a command to begin with', () => {
    for (const { alert, annotations } of all) {
      const text = readFileSync(annotations['runbook_url'] ?? '', 'utf8');
      const heads = [...text.matchAll(/^#+ (.*)$/gm)].map(([, head]) => head);
      expect(heads).toEqual([alert, 'What callers notice', 'Look first', 'What to do', 'Over when']);
      expect(text).toContain('```sh\n');
      for (const [, metric = ''] of text.matchAll(
        /\b(rkms_[a-z_]+_(?:total|seconds)|rkms_audit_working|rkms_ready)\b/g,
      )) {
        expect([alert, metric, labelsOf.has(metric)]).toEqual([alert, metric, true]);
      }
    }
  });
});

describe('the dashboard', () => {
  const queries = dashboardQueries();

  it.each(queries.map(({ panel, expr }) => [panel, expr]))(
    '%s asks for metrics and labels that there are: %s',
    (_, expr) => {
      expect(missingIn(expr)).toEqual([]);
    },
  );

  it('shows every metric of ours', () => {
    const shown = new Set(
      queries.flatMap(({ expr }) =>
        allParts(parsePromql(expr)).flatMap((part) =>
          part.kind === 'select' ? [part.metric.replace(/_bucket$/, '')] : [],
        ),
      ),
    );
    const ours = families.map(({ name }) => name).filter((name) => name.startsWith('rkms_'));
    expect(ours.filter((name) => !shown.has(name))).toEqual(neverShown);
  });

  it('says of every panel what it shows', () => {
    const panels = dashboardPanels().filter(({ type }) => type !== 'row');
    expect(panels.filter(({ description = '' }) => description === '').map(({ title }) => title)).toEqual([]);
  });
});

/** Of use to whoever looks for one instance or one region, but too much for a page. */
const neverShown: readonly string[] = [
  'rkms_store_region_circuit',
  'rkms_store_region_state_age_seconds',
  'rkms_store_region_order',
  'rkms_store_region_over_quota',
];

const promtool = spawnSync('promtool', ['--version']).status === 0;
(promtool ? describe : describe.skip)('promtool', () => {
  it('accepts the alerts, and they fire when they are meant to', () => {
    execFileSync('promtool', ['check', 'rules', alertsPath], { stdio: 'pipe' });
    execFileSync('promtool', ['test', 'rules', 'deploy/prometheus/alerts.test.yml'], { stdio: 'pipe' });
  });
});
