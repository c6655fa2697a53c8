// What is measured of one way to fail: healthy, then the preferred region failed, then well again; then two of three failed,
// and well again.
import { setTimeout as pause } from 'node:timers/promises';
import { needsNames, type Case } from './cases.js';
import { House, preferred, regionNames, type Foundation, type Transition } from './house.js';
import { readInTurn, type Ask } from './load.js';
import type { OneAtATime } from './one-at-a-time.js';
import { ids, phaseOf, timesOf, warmUp, type Pace, type Phase } from './phases.js';
import { recover, shareOf, untilWell, type Recovery } from './recovery.js';
import { quantile, sum } from './statistics.js';

/** How fast, and how long each phase takes. */
export interface Plan extends Pace {
  readonly healthyMs: number;
  readonly oneMs: number;
  readonly twoMs: number;
}

export interface Detection {
  /** Undefined where it was not detected. */
  readonly afterMs: number | undefined;
  /** How many calls the failing region had read by then. */
  readonly afterCalls: number;
  /** p99 of the reads due a second or more after that. */
  readonly p99Ms: number;
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
  /** How often a region was taken for ill that had not failed. */
  readonly strays: number;
}

export async function measure(
  foundation: Foundation,
  each: Case,
  plan: Plan,
  alone: OneAtATime,
): Promise<Measured> {
  let house: House | undefined;
  try {
    const first = await alone.run(async () => {
      house = await House.open(foundation, each.name, needsNames(each));
      return measureFirst(house, each, plan);
    });
    const { opened, ask, usualShare, startMs, failedMs, healthy, one, detection } = first;
    const oneRecovery = await recover(opened, ask, usualShare, alone);
    const secondMs = Date.now();
    const { two, creation } = await alone.run(() => failTwo(opened, ask, each, plan));
    const twoRecovery = await recover(opened, ask, usualShare, alone);
    const transitions = opened.transitions(startMs);
    return {
      ...{
        name: each.name,
        says: each.says,
        healthy,
        one,
        detection,
        oneRecovery,
        two,
        creation,
        twoRecovery,
      },
      transitions: transitions.map(
        ({ time, region, from, to, why }) =>
          `${Math.round(time - failedMs)} ms ${region}: ${from} -> ${to} (${why})`,
      ),
      strays: transitions.filter((transition) => isStray(transition, failedMs, secondMs)).length,
    };
  } finally {
    await house?.close();
  }
}

interface First {
  readonly opened: House;
  readonly ask: Ask;
  readonly startMs: number;
  readonly failedMs: number;
  readonly usualShare: number;
  readonly healthy: Phase;
  readonly one: Phase;
  readonly detection: Detection | undefined;
}

async function measureFirst(house: House, each: Case, plan: Plan): Promise<First> {
  await warmUp(house, plan.rate);
  const ask = readInTurn(house.client, ids);
  await untilWell(house, ask);
  const { phase: healthy, samples, startMs } = await phaseOf(house, ask, plan, plan.healthyMs);
  const usualShare = shareOf(samples.filter(({ dueMs }) => dueMs === startMs));
  const failedMs = Date.now();
  const failed = await failOne(house, ask, each, plan);
  return { opened: house, ask, startMs, failedMs, usualShare, healthy, ...failed };
}

const worse = new Set(['open', 'degraded', 'misconfigured', 'quarantined']);

/** Before `failedMs` no region has failed, before `secondMs` only the preferred one, and the last one never does. */
function isStray({ time, region, from, to }: Transition, failedMs: number, secondMs: number): boolean {
  const hasFailed =
    time >= failedMs && (region === preferred || (region === regionNames[1] && time >= secondMs));
  return !hasFailed && worse.has(to) && from !== 'half-open';
}

interface FailedOne {
  readonly one: Phase;
  readonly detection: Detection | undefined;
}

async function failOne(house: House, ask: Ask, each: Case, plan: Plan): Promise<FailedOne> {
  await house.fail(1, each);
  const quota = each.detected.includes('over quota') ? watchQuota(house) : undefined;
  const { phase: one, samples, taken, startMs } = await phaseOf(house, ask, plan, plan.oneMs);
  const overQuotaMs = await quota?.stop();
  if (each.detected.length === 0) return { one, detection: undefined };
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
  return { one, detection };
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
  plan: Plan,
): Promise<Pick<Measured, 'two' | 'creation'>> {
  await house.fail(2, each);
  const { phase: two } = await phaseOf(house, ask, plan, plan.twoMs);
  if (each.partial) return { two, creation: undefined };
  const target = `/key?id=new/${each.name}`;
  const creation = [await house.client.ask(target), await house.reader.ask(target)].map(
    ({ status, body }) => `${status} ${/urn:rkms:problem:([\w.-]+)/.exec(body)?.[1] ?? 'no problem'}`,
  );
  return { two, creation };
}
