// docs/metrics.md, the alerts, their runbooks and the dashboard name only metrics and labels that exist, and leave none out.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { fullMetrics } from '../support/full-metrics.js';
import { alerts, alertsPath, dashboardPanels, dashboardQueries } from '../support/monitored.js';
import { promqlNames, type AskedLabel } from '../support/promql-names.js';
import { hasPromtool, needsPromtool } from '../support/promtool.js';
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
  const page = readFileSync('docs/metrics.md', 'utf8').replaceAll(/\n +/g, ' ');
  const listed = [...page.matchAll(/^- `(\w+)` \((counter|gauge|histogram)(?:; (.*?))?\): (.*)$/gm)].map(
    ([, name = '', type = '', labels = '', help = '']) => ({ name, type, labels, help }),
  );
  const isOurs = ({ name }: { readonly name: string }): boolean => name.startsWith('rkms_');
  const byName = (a: Family, b: Family): number => a.name.localeCompare(b.name);

  it('lists every metric of RKMS with its type and help text, and no other', () => {
    const described = listed.map(({ name, type, help }) => ({ name, type, help }));
    expect(described.sort(byName)).toEqual(families.filter(isOurs).sort(byName));
    expect(described.length).toBeGreaterThan(30);
  });

  it('lists the labels of every metric of RKMS', () => {
    const described = listed.map(({ name, labels }) => [
      name,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(),
    ]);
    const found = listed.map(({ name, type }) => {
      const labels = labelsOf.get(type === 'histogram' ? `${name}_bucket` : name) ?? [];
      return [name, withoutLe(labels)];
    });
    expect(described).toEqual(found);
  });

  it('names every metric of the process with its type, and no other', () => {
    const named = ['Counters', 'Gauges', 'Histograms'].flatMap((kind) => {
      const [, names = ''] = new RegExp(`^- ${kind}: (.*)$`, 'm').exec(page) ?? [];
      return [...names.matchAll(/`(\w+)`/g)].map(
        ([, name = '']) => `${name} ${kind.toLowerCase().slice(0, -1)}`,
      );
    });
    const others = families.filter((family) => !isOurs(family)).map(({ name, type }) => `${name} ${type}`);
    expect(named.sort()).toEqual(others.sort());
  });
});

/** What an expression asks for that does not exist. */
function missingIn(text: string): readonly string[] {
  const { metrics, labels } = promqlNames(text);
  const isKnown = ({ label, metrics: selected }: AskedLabel): boolean =>
    ['job', 'instance'].includes(label) || selected.some((metric) => labelsOf.get(metric)?.has(label));
  return [
    ...metrics.filter((metric) => !labelsOf.has(metric)).map((metric) => `the metric ${metric}`),
    ...labels
      .filter((asked) => !isKnown(asked))
      .map((asked) => `the label ${asked.label} of ${asked.metrics.join()}`),
  ];
}

it('an expression that asks for something that does not exist is found', () => {
  expect(
    missingIn('sum by (caller) (rate(rkms_keys_made_total{id="a"}[5m])) > rkms_ready{region="a"}'),
  ).toEqual([
    'the metric rkms_keys_made_total',
    'the label caller of rkms_keys_made_total',
    'the label id of rkms_keys_made_total',
    'the label region of rkms_ready',
  ]);
  expect(() => promqlNames('sum by (rkms_ready')).toThrow('not PromQL at');
});

describe('the alerts', () => {
  const all = alerts();

  it.each(all.map(({ alert, expr }) => [alert, expr]))(
    '%s names metrics and labels that exist',
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

  it('have one runbook each, and the index lists all of them', () => {
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

  it('have runbooks with the same headings and at least one command', () => {
    for (const { alert, annotations } of all) {
      const text = readFileSync(annotations['runbook_url'] ?? '', 'utf8');
      const heads = [...text.matchAll(/^#+ (.*)$/gm)].map(([, head]) => head);
      expect(heads).toEqual([alert, 'What callers notice', 'Check', 'What to do', 'Resolved when']);
      expect(text).toContain('```sh\n');
      for (const [, metric = ''] of text.matchAll(
        /\b(rkms_[a-z_]+_(?:total|seconds)|rkms_audit_working|rkms_known_keys_missing|rkms_ready)\b/g,
      )) {
        expect([alert, metric, labelsOf.has(metric)]).toEqual([alert, metric, true]);
      }
    }
  });
});

describe('the dashboard', () => {
  const queries = dashboardQueries();

  it.each(queries.map(({ panel, expr }) => [panel, expr]))(
    '%s names metrics and labels that exist: %s',
    (_, expr) => {
      expect(missingIn(expr)).toEqual([]);
    },
  );

  it('shows every metric of ours', () => {
    const shown = new Set(
      queries.flatMap(({ expr }) => promqlNames(expr).metrics).map((name) => name.replace(/_bucket$/, '')),
    );
    const ours = families.map(({ name }) => name).filter((name) => name.startsWith('rkms_'));
    expect(ours.filter((name) => !shown.has(name))).toEqual(neverShown);
  });

  it('describes every panel', () => {
    const panels = dashboardPanels().filter(({ type }) => type !== 'row');
    expect(panels.filter(({ description = '' }) => description === '').map(({ title }) => title)).toEqual([]);
  });
});

/** Useful for one instance or one region, but too much for a dashboard. */
const neverShown: readonly string[] = [
  'rkms_store_region_circuit',
  'rkms_store_region_state_age_seconds',
  'rkms_store_region_order',
  'rkms_store_region_over_quota',
];

(hasPromtool ? it : it.skip)(
  `promtool accepts the alerts, and they fire when they should${needsPromtool}`,
  () => {
    execFileSync('promtool', ['check', 'rules', alertsPath], { stdio: 'pipe' });
    execFileSync('promtool', ['test', 'rules', 'deploy/prometheus/alerts.test.yml'], { stdio: 'pipe' });
  },
);
