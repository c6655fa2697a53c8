// How long a region that is well again takes until it has its traffic back.
import { setTimeout as pause } from 'node:timers/promises';
import { preferred, type House, type RegionsReport } from './house.js';
import { burst, type Ask, type Sample } from './load.js';
import type { OneAtATime } from './one-at-a-time.js';

export interface Recovery {
  /** Until the report says that all is well. */
  readonly wellMs: number;
  /** Until 50 reads at once go where they went before. Infinity where that did not happen. */
  readonly fullMs: number;
}

const patienceMs = 45_000;
/** So much of the traffic before must be back: which of two answers wins a hedged read is chance. */
const fullTraffic = 0.9;

/** The share of reads that the preferred region answered. */
export const shareOf = (samples: readonly Sample[]): number =>
  samples.filter(({ region }) => region === preferred).length / samples.length;

/** Few reads meanwhile: others are measured, and a region needs no traffic to recover. */
export async function recover(
  house: House,
  ask: Ask,
  usualShare: number,
  alone: OneAtATime,
): Promise<Recovery> {
  const healedMs = Date.now();
  const since = (): number => Date.now() - healedMs;
  await house.heal();
  await house.liftQuarantines();
  if (!(await untilWell(house, ask))) return { wellMs: Infinity, fullMs: Infinity };
  const wellMs = since();
  for (let atMs = wellMs; atMs <= patienceMs; await pause(1_000), atMs = since()) {
    const share = await alone.run(async () => shareOf(await burst(ask)), true);
    if (share >= fullTraffic * usualShare) return { wellMs, fullMs: atMs };
  }
  return { wellMs, fullMs: Infinity };
}

/** Whether all is well in time. */
export async function untilWell(house: House, ask: Ask): Promise<boolean> {
  const deadlineMs = Date.now() + patienceMs;
  for (let turn = 0; !isWell(await house.report()); turn += 1) {
    if (Date.now() > deadlineMs) return false;
    await Promise.all([ask(0, turn, Date.now()), pause(200)]);
  }
  return true;
}

const isWell = ({ order, regions }: RegionsReport): boolean =>
  order[0] === preferred && regions.every(({ state, overQuota }) => state === 'healthy' && !overQuota);
