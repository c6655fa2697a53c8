// The served process is paused under load (SIGSTOP, as a starved host or container does it) and goes on: no circuit opens,
// and no request fails whose deadline is longer than the pause. 100 pauses in the deep tier.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { FailoverLab, transitionsOf } from '../support/failover-lab.js';
import { dose } from '../support/tiers.js';

const pauses = dose('PAUSES', { small: 5, full: 100 });
const pauseMs = 400;
const readers = 8;

let failover: FailoverLab;
beforeAll(async () => {
  failover = await FailoverLab.open();
}, 30_000);
afterAll(() => failover.close(), 30_000);

it(
  `${pauses} pauses open no circuit and fail no request`,
  async () => {
    const token = await failover.token('app', 'read,create');
    const served = await failover.serve('direct');
    const created = await failover.get(served, 'orders/1', token);
    expect(created.status).toBe(200);
    let isOver = false;
    const statuses: number[] = [];
    const load = Array.from({ length: readers }, async (_, reader) => {
      for (let n = 0; !isOver; n += 1) {
        // Every tenth request makes a key.
        const id = n % 10 === 9 ? `orders/${reader}-${n}` : 'orders/1';
        statuses.push((await failover.get(served, id, token)).status);
        await wait(5);
      }
    });
    for (let n = 0; n < pauses; n += 1) {
      await wait(50 + 10 * (n % 7));
      process.kill(served.pid, 'SIGSTOP');
      await wait(pauseMs);
      process.kill(served.pid, 'SIGCONT');
    }
    isOver = true;
    await Promise.all(load);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(statuses.length).toBeGreaterThan(pauses);
    expect(transitionsOf(served)).toEqual([]);
    await served.stop();
  },
  60_000 + pauses * 2_000,
);
