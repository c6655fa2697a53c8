// The alerts and the dashboard as they are in deploy/, read for tests.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One query of the dashboard, under the title of its panel. */
export interface Query {
  readonly panel: string;
  readonly expr: string;
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
}

export const alertsPath = 'deploy/prometheus/alerts.yml';

export function alerts(): readonly Alert[] {
  const { groups } = parse(readFileSync(alertsPath, 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly Alert[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export const dashboardPanels = (): readonly Panel[] =>
  (JSON.parse(readFileSync('deploy/grafana/rkms.json', 'utf8')) as { readonly panels: readonly Panel[] })
    .panels;

/** As Grafana sends them: all jobs and instances, and a range that fits a scrape every second. */
export const dashboardQueries = (): readonly Query[] =>
  dashboardPanels().flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      panel: title,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.*').replaceAll('$instance', '.*'),
    })),
  );
