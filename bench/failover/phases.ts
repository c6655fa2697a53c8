// A phase of the measurement: the load on one service for a while, and what came of it.
import { setTimeout as pause } from 'node:timers/promises';
import type { House } from './house.js';
import { closed, paced, readInTurn, type Ask, type Sample } from './load.js';
import type { TakenCalls } from './played-region.js';
import { quantile, sum } from './statistics.js';

/** How fast, and how many at least. */
export interface Pace {
  /** Reads a second. */
  readonly rate: number;
  /** So many make a p99, however slow the machine. */
  readonly fewestReads: number;
}

export interface Phase {
  readonly reads: number;
  /** Of the reads, those that got the right key. */
  readonly rightShare: number;
  readonly p50Ms: number;
  /** Of all reads, from the very first one on. */
  readonly p99Ms: number;
  /** Of the reads that were due a second or more after the start, when the 50 at once are over. */
  readonly steadyP99Ms: number;
  /**
   * Calls for callers' keys that the regions read, per read. A connection that was refused, or never made, is no call; nor is
   * a canary.
   */
  readonly callsPerRead: number;
  /** Statuses of the reads that failed; zero where no answer came. */
  readonly failedStatuses: readonly number[];
}

/** The keys that are stored and read. */
export const ids = Array.from({ length: 200 }, (_, n) => `orders/${n}`);
const creatorsAtOnce = 2;
/** Makes the keys, so each region has been called hundreds of times, and opens connections. */
export async function warmUp(house: House, rate: number): Promise<void> {
  const left = [...ids];
  const creator = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      let status = 0;
      for (let tries = 0; tries < 5 && status !== 200; tries += 1) {
        if (tries > 0) await pause(1_000);
        ({ status } = await house.client.read(id));
      }
      if (status !== 200) throw new Error(`the key ${id} was not made: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: creatorsAtOnce }, creator));
  await paced(readInTurn(house.client, ids), rate, ids.length);
}

export const readAll = (
  house: House,
  count: number,
  longestMs: number,
  onSample: (sample: Sample) => void,
): Promise<void> => closed(readInTurn(house.client, ids), count, longestMs, onSample);

export interface Observed {
  readonly phase: Phase;
  readonly samples: readonly Sample[];
  readonly taken: readonly TakenCalls[];
  readonly startMs: number;
}

/** The load for that long, or longer where it takes longer to make the fewest reads. */
export async function phaseOf(
  house: House,
  ask: Ask,
  { rate, fewestReads }: Pace,
  durationMs: number,
): Promise<Observed> {
  await takeCalls(house);
  const samples = await paced(ask, rate, Math.max(fewestReads, (rate * durationMs) / 1_000));
  const taken = await takeCalls(house);
  const startMs = Math.min(...samples.map(({ dueMs }) => dueMs));
  const steady = samples.filter(({ dueMs }) => dueMs >= startMs + 1_000);
  const right = samples.filter((sample) => sample.right);
  const phase: Phase = {
    reads: samples.length,
    rightShare: right.length / samples.length,
    p50Ms: quantile(timesOf(samples), 0.5),
    p99Ms: quantile(timesOf(samples), 0.99),
    steadyP99Ms: quantile(timesOf(steady), 0.99),
    callsPerRead: sum(taken.map(readsOf)) / samples.length,
    failedStatuses: samples.filter((sample) => !sample.right).map(({ status }) => status),
  };
  return { phase, samples, taken, startMs };
}

export const takeCalls = (house: House): Promise<readonly TakenCalls[]> =>
  Promise.all(house.regions.map((region) => region.takeCalls()));

export const readsOf = ({ reads }: TakenCalls): number => sum(reads.map(({ count }) => count));

export const timesOf = (samples: readonly Sample[]): readonly number[] => samples.map(({ tookMs }) => tookMs);
