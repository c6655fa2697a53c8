// How long a region that is well again takes until it has its traffic back.
import { setTimeout as pause } from 'node:timers/promises';
import { preferred, type House, type RegionsReport } from './house.js';
import { burst, type Ask, type Sample } from './load.js';
import type { OneAtATime } from './one-at-a-time.js';

export interface Recovery {
  /** Until the report says that all is well. */
  readonly wellMs: number;
  /** Until reads go where they went before, also when 50 come at once. Infinity where that did not happen. */
  readonly fullMs: number;
}

const patienceMs = 45_000;
/** So much of the traffic before must be back: which of two answers wins a hedged read is chance. */
const fullTraffic = 0.9;
/** Few and one after another, so that they may be read while another house is measured. */
const readsToSee = 20;
const burstsToProve = 3;

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
  const isBack = (samples: readonly Sample[]): boolean => shareOf(samples) >= fullTraffic * usualShare;
  while (!isBack(await inTurn(ask))) {
    if (since() > patienceMs) return { wellMs, fullMs: Infinity };
    await pause(200);
  }
  // Seen then, unless 50 at once say otherwise: these have to wait until no other house is measured.
  let fullMs = since();
  while (!(await alone.run(() => anyOf(burstsToProve, async () => isBack(await burst(ask))), true))) {
    if (since() > patienceMs) return { wellMs, fullMs: Infinity };
    await pause(1_000);
    fullMs = since();
  }
  return { wellMs, fullMs };
}

async function anyOf(tries: number, succeeds: () => Promise<boolean>): Promise<boolean> {
  for (let tried = 0; tried < tries; tried += 1) if (await succeeds()) return true;
  return false;
}

async function inTurn(ask: Ask): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let turn = 0; turn < readsToSee; turn += 1) samples.push(await ask(0, turn, Date.now()));
  return samples;
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
