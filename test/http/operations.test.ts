// The operators' listener, end to end: how the regions are, as JSON and as a stream; taking one out of use and back; who
// may, and what is left of it in the audit log and in the log.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import {
  FailoverLab,
  operate,
  regionsOf,
  transitionsOf,
  untilRegions,
  type Operated,
  type RegionsReport,
} from '../support/failover-lab.js';
import { ask, begin } from '../support/http-client.js';
import { until } from '../support/until.js';

let failover: FailoverLab;
let served: Operated;
let operator: string;
let app: string;

beforeAll(async () => {
  failover = await FailoverLab.open();
  operator = await failover.token('on-call', 'operate');
  app = await failover.token('app', 'read,create');
  served = await failover.serve('direct');
  expect(await failover.get(served, 'orders/7', app)).toMatchObject({ status: 200 });
}, 30_000);
afterAll(async () => {
  const leaks = failover.lab.leaks([]);
  await failover.close();
  expect(leaks).toEqual([]);
}, 30_000);

const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });
const problemOf = ({ body }: { readonly body: string }): unknown =>
  (JSON.parse(body) as { type: unknown }).type;

interface AuditLine {
  readonly caller: string;
  readonly action: string;
  readonly region?: string;
  readonly outcome: string;
  readonly requestId: string;
}
const auditLines = (): readonly AuditLine[] =>
  readFileSync(failover.lab.path('data', 'audit.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine);

/** The events that the stream has sent so far. */
async function follow(token: string): Promise<{ reports: RegionsReport[]; close: () => void }> {
  const headers = { ...bearer(token), accept: 'text/event-stream' };
  const sent = begin(served.operationsUrl, { target: '/regions', headers });
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
  ]);
  const reports: RegionsReport[] = [];
  let text = '';
  answer.setEncoding('utf8').on('data', (part: string) => {
    const events = (text + part).split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const [, data = ''] = /^event: regions\ndata: (.*)$/.exec(event) ?? [];
      reports.push(JSON.parse(data) as RegionsReport);
    }
  });
  answer.on('error', () => undefined);
  return { reports, close: () => sent.destroy() };
}

describe('GET /regions', () => {
  it('tells of each region, in the order in which requests try them', async () => {
    await untilRegions(served, operator, (report) => report.regions.every(({ p50Ms }) => p50Ms !== null));
    const { regions, order } = await regionsOf(served, operator);
    expect(order).toEqual(['us-east-1', 'us-east-2', 'us-west-2']);
    expect(regions.map(({ region }) => region)).toEqual(order);
    expect(regions[0]).toEqual({
      region: 'us-east-1',
      state: 'healthy',
      sinceS: expect.any(Number),
      why: 'start',
      circuit: 'closed',
      p50Ms: expect.any(Number),
      p95Ms: expect.any(Number),
      overQuota: false,
      transitions: 0,
    });
  });
});

describe('an operator', () => {
  it('takes a region out of use and back, and everything tells of it', async () => {
    const stream = await follow(operator);
    const drained = await operate(served, 'POST', '/regions/us-east-1/drain', operator);
    expect(drained.status).toBe(200);
    const report = JSON.parse(drained.body) as RegionsReport;
    expect(report.order).toEqual(['us-east-2', 'us-west-2', 'us-east-1']);
    expect(report.regions.at(-1)).toMatchObject({ region: 'us-east-1', state: 'drained', why: 'operator' });
    expect((await failover.get(served, 'orders/7', app)).headers['rkms-region']).toBe('us-east-2');

    const undrained = await operate(served, 'POST', '/regions/us-east-1/undrain', operator);
    expect(undrained.status).toBe(200);
    await untilRegions(served, operator, ({ regions }) => regions.every(({ state }) => state === 'healthy'));
    expect((await failover.get(served, 'orders/7', app)).headers['rkms-region']).toBe('us-east-1');

    await until(() => stream.reports.at(-1)?.order[0] === 'us-east-1' && stream.reports.length > 1);
    stream.close();
    const states = stream.reports.map(({ regions }) => regions.find(({ region }) => region === 'us-east-1'));
    expect(states.map((seen) => seen?.state)).toEqual(
      expect.arrayContaining(['healthy', 'drained', 'half-open', 'recovering']),
    );
    expect([states[0]?.state, states[1]?.state]).toEqual(['healthy', 'drained']);

    const orders = auditLines().filter(({ action }) => action.startsWith('region.'));
    expect(orders).toMatchObject([
      { caller: 'on-call', action: 'region.drain', region: 'us-east-1', outcome: 'done' },
      { caller: 'on-call', action: 'region.undrain', region: 'us-east-1', outcome: 'done' },
    ]);
    expect(orders[0]?.requestId).toBe(drained.headers['x-request-id']);
    // The log is written a few milliseconds later.
    await until(() => transitionsOf(served).length >= 4);
    const changes = transitionsOf(served).map(({ region, from, to, why }) => [region, from, to, why]);
    expect(changes).toEqual([
      ['us-east-1', 'healthy', 'drained', 'operator'],
      ['us-east-1', 'drained', 'half-open', 'operator'],
      ['us-east-1', 'half-open', 'recovering', expect.any(String)],
      ['us-east-1', 'recovering', 'healthy', expect.any(String)],
    ]);
  }, 40_000);
});

describe('the operations listener', () => {
  it.each([
    ['GET', '/regions'],
    ['POST', '/regions/us-east-1/drain'],
    ['POST', '/regions/us-east-1/undrain'],
    ['POST', '/regions/us-east-1/lift-quarantine'],
  ])('%s %s is 401 without a token and 403 without the permission "operate"', async (method, target) => {
    const before = transitionsOf(served).length;
    const stranger = await operate(served, method, target);
    expect([stranger.status, problemOf(stranger)]).toEqual([401, 'urn:rkms:problem:authentication.failed']);
    const denied = await operate(served, method, target, app);
    expect([denied.status, problemOf(denied)]).toEqual([403, 'urn:rkms:problem:access.denied']);
    expect(transitionsOf(served)).toHaveLength(before);
    if (method === 'POST') {
      const last = auditLines().findLast(({ action }) => action.startsWith('region.'));
      expect(last).toMatchObject({ caller: 'app', region: 'us-east-1', outcome: 'access.denied' });
    }
  });

  it('does not stream to a caller without the permission', async () => {
    const headers = { ...bearer(app), accept: 'text/event-stream' };
    expect(await ask(served.operationsUrl, { target: '/regions', headers })).toMatchObject({ status: 403 });
  });

  it.each([
    ['POST', '/regions', 'GET, HEAD'],
    ['GET', '/regions/us-east-1/drain', 'POST'],
    ['DELETE', '/regions/us-east-1/undrain', 'POST'],
  ])('%s %s is 405 and allows %s', async (method, target, allow) => {
    const answer = await operate(served, method, target, operator);
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
  });

  it.each([
    ['POST', '/regions/eu-west-1/drain'],
    ['POST', '/regions/us-east-1/destroy'],
    ['GET', '/regions/us-east-1'],
    ['GET', '/key?id=orders/7'],
    ['GET', '/api/v1/key?id=orders/7'],
  ])('%s %s is 404', async (method, target) => {
    expect(await operate(served, method, target, operator)).toMatchObject({ status: 404 });
  });

  it.each([
    ['POST', '/regions/nope/drain', 'Unknown region. GET /regions lists the regions.'],
    ['GET', '/region', 'This listener has /regions, /metrics and /openapi.json. Keys are on another port.'],
  ])('%s %s is 404 with a detail about this listener', async (method, target, detail) => {
    const answer = await operate(served, method, target, operator);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 404, detail });
  });

  it.each(['/regions', '/openapi.json'])('HEAD %s has the headers of GET and no body', async (target) => {
    const get = await operate(served, 'GET', target, operator);
    const head = await operate(served, 'HEAD', target, operator);
    expect([head.status, head.headers['content-type'], head.body]).toEqual([
      200,
      get.headers['content-type'],
      '',
    ]);
  });

  it('has a port of its own: on that of keys there are no regions', async () => {
    expect(new URL(served.operationsUrl).port).not.toBe(new URL(served.url).port);
    for (const target of ['/regions', '/regions/us-east-1/drain']) {
      const answer = await ask(served.url, { target, headers: bearer(operator) });
      expect(answer.status).toBe(404);
    }
  });
});
