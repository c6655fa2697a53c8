// Metrics that the configuration makes public: they alone are, and all else on the listener stays behind its permission.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { errAsync, ok } from 'neverthrow';
import { createOperationsApp } from '../../src/adapters/http/operations/operation-routes.js';
import { listen, type RunningServer } from '../../src/adapters/http/server/server.js';
import { GuardedMetrics } from '../../src/application/access/guarded-metrics.js';
import type { GuardedRegions } from '../../src/application/access/guarded-regions.js';
import { ask } from '../support/http-client.js';
import { ManualClock } from '../support/manual-clock.js';
import { noMetrics } from '../support/no-metrics.js';

let server: RunningServer;
beforeEach(async () => {
  const text = 'rkms_ready 1\n';
  const page = {
    ...noMetrics,
    read: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text }),
  };
  const app = createOperationsApp({
    guarded: { report: () => ok([]) } as unknown as GuardedRegions,
    regions: [],
    metrics: new GuardedMetrics(page, true),
    clock: new ManualClock(),
    authenticator: { authenticate: () => errAsync({ kind: 'authentication.failed' }) },
    onRequest: () => undefined,
  });
  server = await listen(app, { host: '127.0.0.1', port: 0 }, 'operations');
});
afterEach(() => server.stop(0));

it('are readable without credentials, as the one page of metrics', async () => {
  const { status, headers, body } = await ask(server.url, { target: '/metrics' });
  expect([status, headers['content-type'], headers['cache-control'], body]).toEqual([
    200,
    'text/plain; version=0.0.4',
    'no-store',
    'rkms_ready 1\n',
  ]);
});

it('open no other door', async () => {
  expect((await ask(server.url, { target: '/regions' })).status).toBe(401);
  expect((await ask(server.url, { target: '/metrics', method: 'POST' })).status).toBe(405);
});
