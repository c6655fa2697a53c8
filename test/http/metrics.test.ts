// What operators see of a running service: the page /metrics, and the dashboard's queries over it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import {
  FailoverLab,
  operate,
  untilRegions,
  type Fault,
  type Operated,
  type RegionsReport,
} from '../support/failover-lab.js';
import { dashboardQueries } from '../support/monitored.js';
import { evaluate, hasPromtool, needsPromtool, type Value } from '../support/promtool.js';
import { parsePage, ScrapedMetrics, type Labels } from '../support/scraped-metrics.js';
import { until } from '../support/until.js';

const ids = ['orders/7', 'orders/8', 'orders/9'];
/** Time between two scrapes, and the longest time until the stop of a region is in the metrics. */
const scrapeMs = 250;
const visibleWithinMs = 10_000;

let failover: FailoverLab;
let served: Operated;
let app: string;
let scraper: string;
let keysAnswered = 0;

beforeAll(async () => {
  failover = await FailoverLab.open();
  app = await failover.token('app', 'read,create,operate');
  scraper = await failover.token('prometheus', 'metrics');
  served = await failover.serve('direct');
  for (const id of ids) {
    await until(async () => {
      const { status } = await failover.get(served, id, app);
      if (status === 200) keysAnswered += 1;
      return status === 200;
    });
  }
}, 120_000);
afterAll(async () => {
  const leaks = failover.lab.leaks([]);
  await failover.close();
  expect(leaks).toEqual([]);
}, 120_000);

const page = async (): Promise<string> => (await operate(served, 'GET', '/metrics', scraper)).body;

describe('/metrics', () => {
  it('is a page in the text format for callers with the permission, which allows nothing else', async () => {
    const { status, headers, body } = await operate(served, 'GET', '/metrics', scraper);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      'no-store',
    ]);
    expect(parsePage(body).samples.length).toBeGreaterThan(100);
    expect((await operate(served, 'GET', '/regions', scraper)).status).toBe(403);
    expect((await failover.get(served, 'orders/7', scraper)).status).toBe(403);
  });

  it('is refused to all other callers, operators included', async () => {
    const statusFor = async (token?: string): Promise<number> =>
      (await operate(served, 'GET', '/metrics', token)).status;
    expect([await statusFor(), await statusFor(app)]).toEqual([401, 403]);
  });

  it('counts requests by route and outcome', async () => {
    await failover.get(served, 'not an id', app);
    const counted = parsePage(await page()).samples.filter(({ name }) => name === 'rkms_requests_total');
    const rows = counted.map(({ labels, value }) => [...Object.values(labels), value]);
    expect(rows).toEqual(
      expect.arrayContaining([
        ['/key', 'GET', '200', 'ok', keysAnswered],
        ['/key', 'GET', '400', 'request.id-invalid', 1],
        ['/metrics', 'GET', '401', 'authentication.failed', 1],
        ['/metrics', 'GET', '403', 'access.denied', 1],
      ]),
    );
  });

  it('names no key, no caller, no account and no address', async () => {
    const text = await page();
    for (const word of ['orders', 'prometheus"', 'arn:', '123456789012', '127.0.0.1']) {
      expect([word, text.includes(word)]).toEqual([word, false]);
    }
  });
});

/** By how much a counter has increased since the first page, over all of its series that match. */
const increase = (scraped: ScrapedMetrics, name: string, isMeant: (labels: Labels) => boolean): number =>
  scraped
    .series()
    .filter((series) => series.name === name && isMeant(series.labels))
    .reduce((sum, { values }) => sum + (values.at(-1) ?? 0) - (values[0] ?? 0), 0);

/** What the overview of the dashboard is about, read from the metrics without PromQL. */
function overview(scraped: ScrapedMetrics): Record<string, unknown> {
  const states = scraped.last('rkms_region_state').filter(({ value }) => value === 1);
  const isUsed = (state = ''): boolean => /^(healthy|degraded|recovering)$/.test(state);
  return {
    inUse: states.filter(({ labels }) => isUsed(labels['state'])).length,
    hasFailovers: increase(scraped, 'rkms_failovers_total', () => true) > 0,
    hasFailed: increase(scraped, 'rkms_requests_total', ({ status = '' }) => status.startsWith('5')) > 0,
    notHealthy: states
      .filter(({ labels }) => labels['state'] !== 'healthy')
      .map(({ labels }) => labels['region']),
  };
}

/** :: panel of the dashboard -> what it shows, computed by Prometheus' own tool */
function dashboard(scraped: ScrapedMetrics): ReadonlyMap<string, readonly Value[]> {
  const queries = dashboardQueries();
  const values = evaluate(
    queries.map(({ expr }) => expr),
    scraped,
  );
  const panels = new Map<string, readonly Value[]>();
  for (const { panel, expr } of queries)
    panels.set(panel, [...(panels.get(panel) ?? []), ...(values.get(expr) ?? [])]);
  return panels;
}

/** Callers ask again and again, until the returned function is called; it fails when one of them got no key. */
function traffic(): () => Promise<void> {
  let going = true;
  const statuses = new Set<number>();
  const callers = ids.map(async (id) => {
    while (going) {
      statuses.add((await failover.get(served, id, app)).status);
      await pause(10);
    }
  });
  return async () => {
    going = false;
    await Promise.all(callers);
    expect([...statuses]).toEqual([200]);
  };
}

const allHealthy = ({ regions }: RegionsReport): boolean => regions.every(({ state }) => state === 'healthy');

/** The same as the dashboard's own panels show it. */
function panelsOfOverview(scraped: ScrapedMetrics): Record<string, unknown> {
  const panels = dashboard(scraped);
  return {
    inUse: panels.get('Regions in use')?.[0]?.value,
    hasFailovers: (panels.get('Failovers')?.[0]?.value ?? 0) > 0,
    success: panels.get('Success rate')?.[0]?.value,
    notHealthy: panels
      .get('States of the regions')
      ?.filter(({ labels }) => labels['state'] !== 'healthy')
      .map(({ labels }) => labels['region']),
    failedCalls: panels
      .get('Failed calls')
      ?.filter(({ labels }) => labels['outcome'] === 'region.unavailable')
      .map(({ labels }) => labels['region']),
  };
}

/** Stops the preferred region and reads the metrics until they show it. */
async function scrapedUntilSeen(fault: Fault): Promise<ScrapedMetrics> {
  const scraped = new ScrapedMetrics({ job: 'rkms', instance: 'served' });
  const scrape = async (): Promise<Record<string, unknown>> => {
    scraped.add(await page());
    return overview(scraped);
  };
  await scrape();
  await pause(scrapeMs);
  expect(await scrape()).toEqual({ inUse: 3, hasFailovers: false, hasFailed: false, notHealthy: [] });

  await failover.fail(1, fault);
  const stoppedMs = performance.now();
  const wanted = { inUse: 2, hasFailovers: true, hasFailed: false, notHealthy: ['us-east-1'] };
  let seen = await scrape();
  while (JSON.stringify(seen) !== JSON.stringify(wanted) && performance.now() - stoppedMs < visibleWithinMs) {
    await pause(scrapeMs);
    seen = await scrape();
  }
  const afterMs = Math.round(performance.now() - stoppedMs);
  process.stdout.write(`a region that is ${fault}: in the metrics after ${afterMs} ms\n`);
  expect(seen).toEqual(wanted);
  // A rate needs two pages with the series.
  await pause(scrapeMs);
  await scrape();
  const unavailable = (region: string): number =>
    increase(
      scraped,
      'rkms_region_calls_total',
      (labels) => labels['region'] === region && labels['outcome'] === 'region.unavailable',
    );
  expect(unavailable('us-east-1')).toBeGreaterThan(0);
  expect([unavailable('us-east-2'), unavailable('us-west-2')]).toEqual([0, 0]);
  return scraped;
}

describe('the stop of a region', () => {
  const scrapes: ScrapedMetrics[] = [];

  it.each<Fault>(['refused', 'silent'])(
    'that is %s is in the metrics within 10 s, and no request failed',
    async (fault) => {
      const stop = traffic();
      try {
        scrapes.push(await scrapedUntilSeen(fault));
      } finally {
        await failover.heal();
        await untilRegions(served, app, allHealthy);
        await stop();
      }
    },
    60_000,
  );

  const withPromtool = hasPromtool ? it : it.skip;

  withPromtool(`is shown by the panels of the dashboard${needsPromtool}`, () => {
    expect(scrapes.map(panelsOfOverview)).toEqual(
      ['refused', 'silent'].map(() => ({
        inUse: 2,
        hasFailovers: true,
        success: 1,
        notHealthy: ['us-east-1'],
        failedCalls: expect.arrayContaining(['us-east-1']),
      })),
    );
  });

  withPromtool(`leaves no panel of the dashboard empty that should have data${needsPromtool}`, async () => {
    const scraped = new ScrapedMetrics({ job: 'rkms', instance: 'served' });
    for (let time = 0; time < 2; time += 1) {
      await failover.get(served, 'orders/7', app);
      scraped.add(await page());
    }
    const empty = [...dashboard(scraped)].filter(([, values]) => values.length === 0).map(([panel]) => panel);
    // Empty here: nothing of the kind has happened, the store is in one region, and there is neither TLS nor a key cache nor a
    // second worker.
    const isQuiet =
      /store’s regions|Certificates|Shed|Transitions|Failed|Hedged|Refused|Missing|Repair|Keys in memory|Workers/;
    expect(empty.filter((panel) => !isQuiet.test(panel))).toEqual([]);
  });
});
