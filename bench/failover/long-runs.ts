// What only many reads show: how rare failures are, and whether anything grows.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { KmsFault } from '../../test/support/kms-faults.js';
import { House, type Foundation } from './house.js';
import { readAll, readsOf, takeCalls, warmUp } from './phases.js';
import { quantile, sum, trend } from './statistics.js';

export interface LongRun {
  readonly name: string;
  readonly says: string;
  readonly wantedReads: number;
  readonly reads: number;
  readonly rightShare: number;
  readonly failedStatuses: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly readsPerSecond: number;
  readonly callsPerRead: number;
  readonly mostCallsPerRead: number;
  /** Bytes in use after the garbage was collected, before and after. */
  readonly heap: readonly [before: number, after: number];
  /** Bytes that the system counts, and open sockets: medians of the first and the last quarter. */
  readonly rss: { readonly first: number; readonly last: number };
  readonly sockets: { readonly first: number; readonly last: number };
  /** Lines that tell of a bug or of anything that is no log line, and how the process ended. */
  readonly bugs: readonly string[];
  readonly exitCode: number | null;
}

interface Plan {
  readonly name: string;
  readonly says: string;
  readonly mostCallsPerRead: number;
  /** Does to the regions what is to be done, until it is told to stop. */
  readonly trouble: (house: House, stopped: () => boolean) => Promise<void>;
}

const flapMs = 2_000;
const flapping: readonly KmsFault[] = ['refused', 'silent', 'reset-mid-answer', 'internal-error'];

const plans: readonly Plan[] = [
  { name: 'all-healthy', says: 'all three well', mostCallsPerRead: 1.05, trouble: () => Promise.resolve() },
  {
    name: 'all-10-percent',
    says: 'all three with 10 % errors',
    mostCallsPerRead: 1.3,
    trouble: (house) => house.fail(3, { fault: 'internal-error', options: { rate: 0.1 } }),
  },
  {
    name: 'flapping',
    says: 'preferred one flapping every 2 s',
    mostCallsPerRead: 1.3,
    trouble: async (house, stopped) => {
      for (let turn = 0; !stopped(); turn += 1) {
        await house.fail(1, { fault: flapping[turn % flapping.length] ?? 'refused' });
        await pause(flapMs);
        await house.heal();
        if (!stopped()) await pause(flapMs);
      }
    },
  },
];

/** Where the machine is too slow for all reads, a run ends all the same; that it was too short shows as a broken bound. */
const longestMs = 5 * 60_000;
/** Reads before memory is looked at: code is compiled, connections are open, and the old generation was collected by then. */
const settlingReads = 20_000;
const sampleEveryMs = 500;

export const longRuns = plans.map((plan) => ({
  name: plan.name,
  run: (foundation: Foundation, rate: number, count: number): Promise<LongRun> =>
    longRun(foundation, plan, rate, count),
}));

async function longRun(foundation: Foundation, plan: Plan, rate: number, wanted: number): Promise<LongRun> {
  const house = await House.open(foundation, plan.name, false);
  let closing: Promise<number | null> | undefined;
  try {
    await warmUp(house, rate);
    await readAll(house, settlingReads, longestMs, () => undefined);
    const reads = plan.name === 'all-healthy' ? wanted / 10 : wanted;
    const observed = await observe(house, plan, reads);
    const bugs = house.log().filter(isTrouble).slice(0, 5);
    closing = house.close();
    const { name, says, mostCallsPerRead } = plan;
    return { name, says, mostCallsPerRead, ...observed, bugs, exitCode: await closing };
  } finally {
    await (closing ?? house.close());
  }
}

type Observed = Omit<LongRun, 'name' | 'says' | 'mostCallsPerRead' | 'bugs' | 'exitCode'>;

async function observe(house: House, plan: Plan, reads: number): Promise<Observed> {
  const before = await house.memory();
  await takeCalls(house);
  let stopped = false;
  const watched = watch(house.pid);
  const startMs = performance.now();
  const trouble = plan.trouble(house, () => stopped);
  const times: number[] = [];
  const failedStatuses: number[] = [];
  await readAll(house, reads, longestMs, ({ right, status, tookMs }) => {
    times.push(tookMs);
    if (!right) failedStatuses.push(status);
  });
  const tookS = (performance.now() - startMs) / 1_000;
  stopped = true;
  const { rss, sockets } = watched.stop();
  await trouble;
  await house.heal();
  const calls = sum((await takeCalls(house)).map(readsOf));
  await pause(1_000);
  const after = await house.memory();
  return {
    wantedReads: reads,
    reads: times.length,
    rightShare: 1 - failedStatuses.length / times.length,
    failedStatuses,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    readsPerSecond: times.length / tookS,
    callsPerRead: calls / times.length,
    heap: [before.heapUsed + before.external, after.heapUsed + after.external],
    rss: trend(rss),
    sockets: trend(sockets),
  };
}

/** Only Linux tells of a process from outside; elsewhere both lists stay empty. */
function watch(pid: number): { stop: () => { rss: readonly number[]; sockets: readonly number[] } } {
  const rss: number[] = [];
  const sockets: number[] = [];
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      rss.push(1_024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? NaN));
      sockets.push(readdirSync(`/proc/${pid}/fd`).filter((fd) => isSocket(`/proc/${pid}/fd/${fd}`)).length);
    } catch {
      // The process is gone; that shows elsewhere.
    }
  }, sampleEveryMs);
  return {
    stop: () => {
      clearInterval(timer);
      return { rss, sockets };
    },
  };
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    return false;
  }
}

const isTrouble = (line: string): boolean =>
  line !== '' && (!line.startsWith('{') || line.includes('by a bug') || /unhandled/i.test(line));
