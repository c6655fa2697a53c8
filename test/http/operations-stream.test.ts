// The caller of a stream of the regions is authenticated again regularly: a stream ends with its credential.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { errAsync, ok, okAsync } from 'neverthrow';
import { createOperationsApp } from '../../src/adapters/http/operations/operation-routes.js';
import { listen, type RunningServer } from '../../src/adapters/http/server/server.js';
import type { GuardedRegions } from '../../src/application/access/guarded-regions.js';
import { requirePermission } from '../../src/domain/access/access.js';
import type { Caller } from '../../src/domain/access/caller.js';
import { callerWith } from '../support/callers.js';
import { begin } from '../support/http-client.js';
import { ManualClock } from '../support/manual-clock.js';
import { guardedNoMetrics } from '../support/no-metrics.js';
import { until } from '../support/until.js';

let clock: ManualClock;
let server: RunningServer;
let caller: Caller | undefined;
let answer: IncomingMessage;
let change: () => void;
beforeEach(async () => {
  clock = new ManualClock();
  caller = callerWith(['operate']);
  const guarded = {
    report: (who: Caller) => requirePermission(who, 'operate').map(() => []),
    watch: (_: Caller, onChange: () => void) => {
      change = onChange;
      return ok(() => undefined);
    },
  } as unknown as GuardedRegions;
  const authenticate = () =>
    caller ? okAsync(caller) : errAsync({ kind: 'authentication.failed' } as const);
  const app = createOperationsApp({
    guarded,
    regions: [],
    metrics: guardedNoMetrics,
    clock,
    authenticator: { authenticate },
    onRequest: () => undefined,
  });
  server = await listen(app, { host: '127.0.0.1', port: 0 }, 'operations');
  const sent = begin(server.url, { target: '/regions', headers: { accept: 'text/event-stream' } });
  [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined).resume();
});
afterEach(async () => {
  answer.destroy();
  await server.stop(0);
});

describe('a stream of the regions', () => {
  it('goes on as long as its caller may see them', async () => {
    expect(answer.statusCode).toBe(200);
    await clock.advance(60_000);
    expect(answer.destroyed).toBe(false);
    expect(clock.pending).toBe(1);
  });

  it.each<[string, Caller | undefined]>([
    ['is refused', undefined],
    ['loses the permission', callerWith(['read'])],
  ])('ends within two seconds when its caller %s', async (_, now) => {
    caller = now;
    await clock.advance(2_000);
    await until(() => answer.destroyed);
    expect(answer.complete).toBe(false);
  });

  it('is closed when more than 64 KiB of its events are unread', async () => {
    for (let event = 0; event < 20_000; event += 1) change();
    await until(() => answer.destroyed);
    expect(answer.complete).toBe(false);
    await until(() => clock.pending === 0);
  });

  it('releases everything when its caller disconnects', async () => {
    answer.destroy();
    await until(() => clock.pending === 0);
    expect(clock.pending).toBe(0);
  });
});
