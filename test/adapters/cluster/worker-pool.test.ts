// What keeps several workers running, in virtual time: one start that is told once, replacements, orders for all, one end.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ClusterPeers } from '../../../src/adapters/cluster/cluster-peers.js';
import type { FromWorker, ServedUrls, ToWorker } from '../../../src/adapters/cluster/worker-messages.js';
import { WorkerPool, type WorkerEvents } from '../../../src/adapters/cluster/worker-pool.js';
import type { PeerOrder } from '../../../src/ports/peers.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { region } from '../../support/names.js';

const urls: ServedUrls = { url: 'http://a', operationsUrl: 'http://b' };
const drain: PeerOrder = { what: 'region', region: region('eu-west-1'), order: 'drain' };

class PlayedWorker {
  readonly got: ToWorker[] = [];
  readonly orders: PeerOrder[] = [];
  readonly stops: string[] = [];
  killed = false;
  isHung = false;
  readonly peers: ClusterPeers;

  constructor(
    readonly id: number,
    readonly events: WorkerEvents,
    clock: ManualClock,
  ) {
    this.peers = new ClusterPeers(
      (message: FromWorker) => {
        events.onMessage(message);
      },
      clock,
      (why) => this.stops.push(why),
      id === 1,
    );
  }

  send(message: ToWorker): void {
    this.got.push(message);
    if (!this.isHung) this.peers.receive(message);
  }

  kill(): void {
    this.killed = true;
    this.events.onExit(null);
  }

  serves(): this {
    this.peers.onOrder((order) => this.orders.push(order));
    this.peers.onMetrics(() => Promise.resolve(`metrics of ${this.id}`));
    this.peers.serving(urls);
    return this;
  }

  ends(exitCode: number | null): void {
    this.events.onExit(exitCode);
  }
}

let clock: ManualClock;
let workers: PlayedWorker[];
let served: ServedUrls[];
let replaced: (readonly [worker: number, exitCode: number | null, pauseMs: number])[];
let ended: number[];
let stuck: (readonly [worker: number, silentMs: number])[];
let pool: WorkerPool;
beforeEach(() => {
  clock = new ManualClock();
  [workers, served, replaced, ended, stuck] = [[], [], [], [], []];
  pool = new WorkerPool(
    {
      clock,
      fork: (events) => {
        const worker = new PlayedWorker(workers.length + 1, events, clock);
        workers.push(worker);
        return worker;
      },
      onServing: (each) => served.push(each),
      onReplaced: (...each) => replaced.push(each),
      onEnd: (exitCode) => ended.push(exitCode),
      onStuck: (...each) => stuck.push(each),
      // Real ones are added by addCounters of the adapter for Prometheus.
      addCounters: (sum, last) => [...((sum ?? []) as readonly unknown[]), `counters in ${String(last)}`],
    },
    3,
  );
  pool.start();
});
const at = (index: number): PlayedWorker => {
  const worker = workers[index];
  if (worker === undefined) throw new Error(`there is no worker ${index}`);
  return worker;
};
const allServe = (): void => {
  at(0).serves();
  for (const worker of workers.slice(1)) worker.serves();
};

describe('the start', () => {
  it('begins with one worker; the others follow once it serves, which is told once', () => {
    expect(workers.length).toBe(1);
    allServe();
    expect([workers.length, served]).toEqual([3, [urls]]);
    expect(workers.map(({ peers }) => peers.counts())).toEqual(
      workers.map(() => ({ running: 3, replaced: 0 })),
    );
  });

  it('that the first worker refuses ends the service with its exit code', () => {
    at(0).ends(1);
    expect([ended, replaced, workers.length]).toEqual([[1], [], 1]);
  });

  it('that a check refuses later ends all', () => {
    allServe();
    at(1).peers.refused();
    expect(workers.map(({ stops }) => stops)).toEqual([['refused'], ['refused'], ['refused']]);
    for (const worker of workers) worker.ends(0);
    expect(ended).toEqual([1]);
  });
});

describe('a worker that ends', () => {
  it('is replaced at once after a long life, and the others learn of it', async () => {
    allServe();
    await clock.advance(60_000);
    at(1).ends(null);
    await clock.advance(0);
    expect([replaced, workers.length]).toEqual([[[2, null, 0]], 4]);
    at(3).serves();
    expect(at(0).peers.counts()).toEqual({ running: 3, replaced: 1 });
  });

  it('again and again soon after its start is replaced ever later, half a minute at most', async () => {
    allServe();
    for (let times = 0; times < 9; times += 1) {
      workers.at(-1)?.ends(1);
      await clock.advance(replaced.at(-1)?.[2] ?? 0);
    }
    expect(replaced.map(([, , pauseMs]) => pauseMs)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });
});

describe('an order', () => {
  it('reaches every other worker, and those that start later', async () => {
    allServe();
    at(1).peers.tell(drain);
    expect(workers.map(({ orders }) => orders)).toEqual([[drain], [], [drain]]);
    await clock.advance(60_000);
    at(0).ends(1);
    await clock.advance(0);
    at(3).serves();
    expect(at(3).orders).toEqual([drain]);
    at(3).peers.tell({ ...drain, order: 'undrain' });
    expect(at(1).orders.at(-1)?.order).toBe('undrain');
  });

  it('to drain stays in force for later workers until it is reversed, whatever else is ordered', async () => {
    allServe();
    at(1).peers.tell(drain);
    at(1).peers.tell({ ...drain, order: 'lift-quarantine' });
    at(0).ends(1);
    await clock.advance(500);
    expect(at(3).serves().orders).toEqual([drain]);
    at(1).peers.tell({ ...drain, order: 'undrain' });
    at(2).ends(1);
    await clock.advance(1_000);
    expect(at(4).serves().orders).toEqual([]);
  });
});

describe('the metrics', () => {
  it('of all others are collected', async () => {
    allServe();
    expect(await at(0).peers.metrics('own')).toEqual(['metrics of 2', 'metrics of 3']);
  });

  it('of a worker that does not answer within a second are its last ones, or none', async () => {
    allServe();
    at(2).peers.onMetrics(() => new Promise(() => undefined));
    const first = at(0).peers.metrics('own');
    await clock.advance(1_000);
    expect(await first).toEqual(['metrics of 2']);
    void at(2).peers.metrics('shown before');
    const second = at(0).peers.metrics('own');
    await clock.advance(1_000);
    expect(await second).toEqual(['metrics of 2', 'shown before']);
  });

  it('of a worker that has ended keep what was shown of its counters, so that no sum falls', async () => {
    allServe();
    await at(0).peers.metrics('own');
    void at(1).peers.metrics('shown last');
    at(1).ends(null);
    expect(await at(0).peers.metrics('own')).toEqual(['metrics of 3', ['counters in shown last']]);
  });

  it('are not waited for when the worker ends that was asked', async () => {
    allServe();
    at(2).peers.onMetrics(() => new Promise(() => undefined));
    const collected = at(0).peers.metrics('own');
    await settle();
    at(2).ends(null);
    expect(await collected).toEqual(['metrics of 2']);
  });
});

describe('a worker that does not answer', () => {
  it('for 30 seconds is killed, and replaced', async () => {
    allServe();
    at(1).isHung = true;
    await clock.advance(30_000);
    expect([stuck, at(1).killed]).toEqual([[], false]);
    await clock.advance(5_000);
    expect([stuck, at(1).killed]).toEqual([[[2, 30_000]], true]);
    await clock.advance(0);
    expect([workers.length, at(0).killed, at(2).killed]).toEqual([4, false, false]);
  });
});

describe('the end', () => {
  it('stops every worker once, and has exit code 0 when all ended well', () => {
    allServe();
    pool.stop('SIGTERM');
    // The end of the channel is no second order to stop.
    at(0).peers.receive({ rkms: 'stop', why: 'alone' });
    expect(workers.map(({ stops }) => stops)).toEqual([['SIGTERM'], ['SIGTERM'], ['SIGTERM']]);
    at(0).ends(0);
    at(1).ends(0);
    expect(ended).toEqual([]);
    at(2).ends(0);
    expect([ended, replaced, clock.pending]).toEqual([[0], [], 0]);
  });

  it('has the exit code of a worker that failed to stop', () => {
    allServe();
    pool.stop('SIGTERM');
    for (const [index, worker] of workers.entries()) worker.ends(index);
    expect(ended).toEqual([1]);
  });

  it('kills them at the second signal', () => {
    allServe();
    pool.stop('SIGTERM');
    pool.stop('SIGTERM');
    expect([workers.map(({ killed }) => killed), ended]).toEqual([[true, true, true], [1]]);
  });

  it('kills those that do not stop in 30 seconds', async () => {
    allServe();
    pool.stop('SIGTERM');
    await clock.advance(30_000);
    expect([workers.map(({ killed }) => killed), ended]).toEqual([[true, true, true], [1]]);
  });

  it('before any worker serves, and while one is to be replaced, starts no further one', async () => {
    allServe();
    at(2).ends(1);
    pool.stop('SIGINT');
    await clock.advance(20_000);
    expect(workers.length).toBe(3);
    at(0).ends(0);
    at(1).ends(0);
    expect(ended).toEqual([0]);
  });
});
