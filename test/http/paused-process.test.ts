// The served process, or one of its regions, is paused under load (SIGSTOP, as a starved host or container does it) and goes
// on: no circuit opens, and no request fails whose deadline is longer than the pause. 100 pauses in the deep tier.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { FailoverLab, transitionsOf } from '../support/failover-lab.js';
import { dose } from '../support/tiers.js';

const pauses = dose('PAUSES', { small: 8, full: 100 });
const pauseMs = 400;
const readers = 8;

/** Forwards connections to the port of its argument. It can be paused, unlike the played regions in this process. */
const relaySource = `
const net = require('node:net');
const server = net.createServer((near) => {
  const far = net.connect(Number(process.argv[1]), '127.0.0.1');
  for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy()).pipe(other);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();`;

let failover: FailoverLab;
const relays: ChildProcess[] = [];
beforeAll(async () => {
  failover = await FailoverLab.open();
}, 30_000);
afterAll(async () => {
  for (const relay of relays) relay.kill('SIGKILL');
  await failover.close();
}, 30_000);

async function relayTo(endpoint: string): Promise<string> {
  const relay = spawn(process.execPath, ['-e', relaySource, new URL(endpoint).port], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  relays.push(relay);
  const [port] = (await once(relay.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${String(port).trim()}`;
}

/** The configuration of the lab with each region behind a process of its own, and the attempt time-outs of the default. */
async function relayedConfig(): Promise<string> {
  let text = readFileSync(failover.config('direct'), 'utf8').replace(/^\[kms\]\n.*\n/m, '');
  for (const { endpoint } of failover.regions) text = text.replace(endpoint, await relayTo(endpoint));
  return failover.lab.write('relayed.toml', text);
}

it(
  `${pauses} pauses of the service or of one region open no circuit and fail no request`,
  async () => {
    const token = await failover.token('app', 'read,create');
    const served = await failover.lab.serve(await relayedConfig());
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
    const paused = [served.pid, ...relays.flatMap(({ pid }) => pid ?? [])];
    for (let n = 0; n < pauses; n += 1) {
      // Each process in turn, at moments that differ.
      const pid = paused[n % paused.length] ?? served.pid;
      await wait(50 + 10 * (n % 7));
      process.kill(pid, 'SIGSTOP');
      await wait(pauseMs);
      process.kill(pid, 'SIGCONT');
    }
    isOver = true;
    await Promise.all(load);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(statuses.length).toBeGreaterThan(pauses);
    expect(transitionsOf(served).filter(({ to }) => to === 'open')).toEqual([]);
    await served.stop();
  },
  60_000 + pauses * 2_000,
);
