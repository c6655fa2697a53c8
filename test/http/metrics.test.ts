// What the metrics tell while a service runs, seen as operators see it: through /metrics alone, by the dashboard's own queries.
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
import { parsePromql } from '../support/promql.js';
import { evaluate, type Value } from '../support/promql-evaluator.js';
import { parsePage, ScrapedMetrics } from '../support/scraped-metrics.js';
import { until } from '../support/until.js';

const ids = ['orders/7', 'orders/8', 'orders/9'];
/** As often as the lab's scraper looks; what the acceptance allows from the stop of a region until it is seen. */
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
  it('is a page in the text format for whoever has the permission, which allows nothing else', async () => {
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

  it('is refused to everybody else, also to operators', async () => {
    const statusFor = async (token?: string): Promise<number> =>
      (await operate(served, 'GET', '/metrics', token)).status;
    expect([await statusFor(), await statusFor(app)]).toEqual([401, 403]);
  });

  it('counts what was done, by route and outcome', async () => {
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

/** What the panel shows of what was scraped. */
function shown(panel: string, scraped: ScrapedMetrics): readonly Value[] {
  const queries = dashboardQueries().filter((query) => query.panel === panel);
  expect(queries).not.toEqual([]);
  return queries.flatMap(({ expr }) => evaluate(parsePromql(expr), scraped));
}

/** The overview, as somebody who knows nothing else reads it. */
const overview = (scraped: ScrapedMetrics): Record<string, unknown> => ({
  inUse: shown('Regions in use', scraped)[0]?.value,
  isRescued: (shown('Failovers', scraped)[0]?.value ?? 0) > 0,
  success: shown('Success rate', scraped)[0]?.value,
  notHealthy: shown('States of the regions', scraped)
    .filter(({ labels }) => labels['state'] !== 'healthy')
    .map(({ labels }) => labels['region']),
});

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

/** Stops the preferred region, and reads the dashboard until it shows that. */
async function seenInTime(fault: Fault): Promise<void> {
  const scraped = new ScrapedMetrics({ job: 'rkms', instance: 'served' });
  const scrape = async (): Promise<Record<string, unknown>> => {
    scraped.add(await page(), performance.now());
    return overview(scraped);
  };
  await scrape();
  await pause(scrapeMs);
  expect(await scrape()).toEqual({ inUse: 3, isRescued: false, success: 1, notHealthy: [] });

  await failover.fail(1, fault);
  const stoppedMs = performance.now();
  const wanted = { inUse: 2, isRescued: true, success: 1, notHealthy: ['us-east-1'] };
  let seen = await scrape();
  while (JSON.stringify(seen) !== JSON.stringify(wanted) && performance.now() - stoppedMs < visibleWithinMs) {
    await pause(scrapeMs);
    seen = await scrape();
  }
  const afterMs = Math.round(performance.now() - stoppedMs);
  process.stdout.write(`a region that is ${fault}: seen on the dashboard after ${afterMs} ms\n`);
  expect(seen).toEqual(wanted);
  const failed = shown('Failed calls', scraped).filter(({ value }) => value > 0);
  expect(failed.map(({ labels }) => `${labels['region'] ?? ''} ${labels['outcome'] ?? ''}`)).toContain(
    'us-east-1 region.unavailable',
  );
}

describe('the stop of a region', () => {
  it.each<Fault>(['refused', 'silent'])(
    'that is %s is seen within 10 s by the dashboard, and that nobody noticed',
    async (fault) => {
      const stop = traffic();
      try {
        await seenInTime(fault);
      } finally {
        await failover.heal();
        await untilRegions(served, app, allHealthy);
        await stop();
      }
    },
    60_000,
  );

  it('leaves nothing on the dashboard that cannot be computed', async () => {
    const scraped = new ScrapedMetrics({ job: 'rkms', instance: 'served' });
    for (let time = 0; time < 2; time += 1) {
      await failover.get(served, 'orders/7', app);
      scraped.add(await page(), performance.now());
    }
    const panels = dashboardQueries().map(
      ({ panel, expr }) => [panel, evaluate(parsePromql(expr), scraped)] as const,
    );
    const empty = new Set(panels.filter(([, values]) => values.length === 0).map(([panel]) => panel));
    // Nothing of the kind has happened here, or there is none: a store in several regions, TLS.
    const quiet = /store’s regions|Certificates|Shed|Transitions|Failed|Hedged|Refused|Missing|Repair/;
    expect([...empty].filter((panel) => !quiet.test(panel))).toEqual([]);
  });
});
