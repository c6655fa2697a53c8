// What is measured of one way to fail: healthy, then the preferred region failed, then well again; then two of three failed,
// and well again.
import { setTimeout as pause } from 'node:timers/promises';
import { needsNames, type Case } from './cases.js';
import { House, preferred, type Foundation, type RegionsReport } from './house.js';
import { closed, paced, readInTurn, type Ask, type Sample } from './load.js';
import type { OneAtATime } from './one-at-a-time.js';
import type { TakenCalls } from './played-region.js';
import { quantile, sum } from './statistics.js';

export interface Durations {
  readonly healthyMs: number;
  readonly oneMs: number;
  readonly twoMs: number;
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

export interface Detection {
  /** Undefined where it was not detected. */
  readonly afterMs: number | undefined;
  /** How many calls the failing region had read by then. */
  readonly afterCalls: number;
  /** p99 of the reads due a second or more after that. */
  readonly p99Ms: number;
}

export interface Recovery {
  /** Until the report says that all is well. */
  readonly wellMs: number;
  /** Until 50 reads at once go where they went before. Infinity where that did not happen. */
  readonly fullMs: number;
}

export interface Measured {
  readonly name: string;
  readonly says: string;
  readonly healthy: Phase;
  readonly one: Phase;
  /** Undefined where nothing is to be detected: `p99Ms` of the steady part counts instead. */
  readonly detection: Detection | undefined;
  readonly oneRecovery: Recovery;
  readonly two: Phase;
  /** What the creation was answered, and then the reading: `503 regions.below-quorum` and `404 key.not-found` are wanted. */
  readonly creation: readonly string[] | undefined;
  readonly twoRecovery: Recovery;
  readonly transitions: readonly string[];
}

const ids = Array.from({ length: 200 }, (_, n) => `orders/${n}`);
const creatorsAtOnce = 4;
const patienceMs = 45_000;
const burstMs = 1;
/** So much of the traffic before must be back: which of two answers wins a hedged read is chance. */
const fullTraffic = 0.9;

export async function measure(
  foundation: Foundation,
  each: Case,
  durations: Durations,
  alone: OneAtATime,
): Promise<Measured> {
  let house: House | undefined;
  try {
    const first = await alone.run(async () => {
      house = await House.open(foundation, each.name, needsNames(each));
      await warmUp(house);
      const ask = readInTurn(house.client, ids);
      const { phase: healthy, samples } = await phaseOf(house, ask, durations.healthyMs);
      const usualShare = shareOf(samples.filter(({ dueMs }) => dueMs === samples[0]?.dueMs));
      return { house, ask, healthy, usualShare, ...(await failOne(house, ask, each, durations.oneMs)) };
    });
    const { ask, healthy, one, detection, usualShare, startMs } = first;
    const back = (): Promise<Recovery> => recover(first.house, ask, usualShare, alone);
    const oneRecovery = await back();
    const second = await alone.run(() => failTwo(first.house, ask, each, durations.twoMs));
    const twoRecovery = await back();
    const transitions = first.house
      .transitions(startMs)
      .map(({ time, region, from, to, why }) => `${time - startMs} ms ${region}: ${from} -> ${to} (${why})`);
    const { name, says } = each;
    return { name, says, healthy, one, detection, oneRecovery, ...second, twoRecovery, transitions };
  } finally {
    await house?.close();
  }
}

/** Makes the keys, so each region has been called hundreds of times, and opens connections. */
export async function warmUp(house: House): Promise<void> {
  const left = [...ids];
  const creator = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const { status } = await house.client.read(id);
      if (status !== 200) throw new Error(`the key ${id} was not made: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: creatorsAtOnce }, creator));
  await paced(readInTurn(house.client, ids), 1_000);
}

export const readAll = (house: House, count: number, onSample: (sample: Sample) => void): Promise<void> =>
  closed(readInTurn(house.client, ids), count, onSample);

interface Observed {
  readonly phase: Phase;
  readonly samples: readonly Sample[];
  readonly taken: readonly TakenCalls[];
  readonly startMs: number;
}

async function phaseOf(house: House, ask: Ask, durationMs: number): Promise<Observed> {
  await takeCalls(house);
  const samples = await paced(ask, durationMs);
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

const timesOf = (samples: readonly Sample[]): readonly number[] => samples.map(({ tookMs }) => tookMs);

const shareOf = (samples: readonly Sample[]): number =>
  samples.filter(({ region }) => region === preferred).length / samples.length;

interface FailedOne {
  readonly one: Phase;
  readonly detection: Detection | undefined;
  readonly startMs: number;
}

async function failOne(house: House, ask: Ask, each: Case, durationMs: number): Promise<FailedOne> {
  await house.fail(1, each);
  const quota = each.detected.includes('over quota') ? watchQuota(house) : undefined;
  const { phase: one, samples, taken, startMs } = await phaseOf(house, ask, durationMs);
  const overQuotaMs = await quota?.stop();
  if (each.detected.length === 0) return { one, detection: undefined, startMs };
  const seen = house
    .transitions(startMs)
    .find(({ region, to }) => region === preferred && each.detected.includes(to));
  const atMs = seen?.time ?? overQuotaMs;
  const after = samples.filter(({ dueMs }) => atMs !== undefined && dueMs >= atMs + 1_000);
  const detection = {
    afterMs: atMs === undefined ? undefined : Math.max(0, atMs - startMs),
    afterCalls: sum(
      (taken[0]?.reads ?? []).filter((call) => call.atMs <= (atMs ?? Infinity)).map((call) => call.count),
    ),
    p99Ms: quantile(timesOf(after), 0.99),
  };
  return { one, detection, startMs };
}

/** Being over quota is no change of state, so it is in no line of the log: somebody has to look. */
function watchQuota(house: House): { stop: () => Promise<number | undefined> } {
  let stopped = false;
  const look = async (): Promise<number | undefined> => {
    while (!stopped) {
      const { regions } = await house.report();
      if (regions.some(({ region, overQuota }) => region === preferred && overQuota)) return Date.now();
      await pause(25);
    }
    return undefined;
  };
  const looking = look();
  return {
    stop: () => {
      stopped = true;
      return looking;
    },
  };
}

async function failTwo(
  house: House,
  ask: Ask,
  each: Case,
  durationMs: number,
): Promise<Pick<Measured, 'two' | 'creation'>> {
  await house.fail(2, each);
  const { phase: two } = await phaseOf(house, ask, durationMs);
  if (each.partial) return { two, creation: undefined };
  const target = `/key?id=new/${each.name}`;
  const creation = [await house.client.ask(target), await house.reader.ask(target)].map(
    ({ status, body }) => `${status} ${/urn:rkms:problem:([\w.-]+)/.exec(body)?.[1] ?? 'no problem'}`,
  );
  return { two, creation };
}

/** Few reads meanwhile, for others are measured; a region does not need traffic to recover. */
async function recover(house: House, ask: Ask, usualShare: number, alone: OneAtATime): Promise<Recovery> {
  const healedMs = Date.now();
  const since = (): number => Date.now() - healedMs;
  await house.heal();
  await house.liftQuarantines();
  let turn = 0;
  while (!isWell(await house.report())) {
    if (since() > patienceMs) return { wellMs: Infinity, fullMs: Infinity };
    await Promise.all([ask(0, turn++, Date.now()), pause(200)]);
  }
  const wellMs = since();
  for (let atMs = wellMs; atMs <= patienceMs; await pause(1_000), atMs = since()) {
    const share = await alone.run(async () => shareOf(await paced(ask, burstMs)), true);
    if (share >= fullTraffic * usualShare) return { wellMs, fullMs: atMs };
  }
  return { wellMs, fullMs: Infinity };
}

const isWell = ({ order, regions }: RegionsReport): boolean =>
  order[0] === preferred && regions.every(({ state, overQuota }) => state === 'healthy' && !overQuota);
