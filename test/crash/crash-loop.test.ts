// The embedded service is killed at random moments, again and again, and loses nothing that it gave out. CYCLES and SEED
// in the environment choose how often, and which moments; in the small tier it is killed a handful of times.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dose, isDeep, report } from '../support/tiers.js';
import { CrashLab, type CrashedFolder, type KillPlan } from './crash-lab.js';
import { seeded, type Chance } from './seeded.js';

const cycles = dose('CYCLES', { small: 8, full: 500 });
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const lanes = 2;
/** Kills between two looks at what was released. */
const batch = 25;
const mostMsPerCycle = 4_000;

let lab: CrashLab;
beforeAll(() => {
  lab = new CrashLab();
});
afterAll(() => {
  lab.close();
});

/** What one lane did. */
interface Tally {
  kills: number;
  beforeReady: number;
  firstStarts: number;
  released: number;
  answers: number;
}

/** Half of them in traffic; the others while the program opens the store and recovers it. */
const moment = (chance: Chance): KillPlan =>
  chance() < 0.6
    ? { afterLines: 3 + Math.floor(chance() * 60), delayMs: chance() * 4 }
    : { afterLines: 1, delayMs: chance() * 25 };

const started = (lines: readonly string[]): boolean => lines.includes('ready');

/** A folder whose first starts are killed, until one gets through: by itself, or because the fifth is let through. */
async function firstStarts(lane: string, chance: Chance, tally: Tally): Promise<void> {
  const fresh = lab.newFolder();
  for (let run = 0, through = false; !through; run += 1) {
    // A first start takes some 40 ms, most of it flushes: of the master keys, the store, the token.
    const plan = run < 4 ? { afterLines: 1, delayMs: chance() * 45 } : { afterLines: 3, delayMs: 0 };
    const { lines } = await fresh.make({ run: `${lane}-first-${run}`, atOnce: 4 }, plan);
    through = started(lines);
    tally.kills += 1;
    tally.firstStarts += 1;
    if (!through) tally.beforeReady += 1;
  }
  expect(await fresh.problems('all')).toEqual([]);
}

async function crashes(lane: string, chance: Chance, count: number): Promise<Tally> {
  const tally: Tally = { kills: 0, beforeReady: 0, firstStarts: 0, released: 0, answers: 0 };
  const old: CrashedFolder = lab.newFolder();
  let sinceLook = 0;
  while (tally.kills < count) {
    if (chance() < 0.1) await firstStarts(lane, chance, tally);
    // Two processes on one store, of which the one lives while the other dies.
    const makers = chance() < 0.2 ? 2 : 1;
    const outcomes = await Promise.all(
      Array.from({ length: makers }, (_, maker) => {
        const run = `${lane}-${tally.kills + maker}`;
        return old.make({ run, atOnce: 1 + Math.floor(chance() * 8) }, moment(chance));
      }),
    );
    tally.kills += makers;
    tally.beforeReady += outcomes.filter(({ lines }) => !started(lines)).length;
    sinceLook += makers;
    if (sinceLook < batch) continue;
    sinceLook = 0;
    expect(await old.problems('new')).toEqual([]);
  }
  expect(await old.problems('all')).toEqual([]);
  expect(old.failures).toEqual([]);
  return { ...tally, released: old.released.size, answers: old.answers };
}

describe('a service that is killed', () => {
  it(
    `${cycles} times at random moments loses, changes and doubles no key that it gave out (seed ${seed}; I1, I2, I10)`,
    async () => {
      const startedMs = performance.now();
      const tallies = await Promise.all(
        Array.from({ length: lanes }, (_, lane) =>
          crashes(`lane-${lane}`, seeded(seed + lane), Math.ceil(cycles / lanes)),
        ),
      );
      const sum = (count: (tally: Tally) => number): number =>
        tallies.reduce((total, tally) => total + count(tally), 0);
      const seconds = (performance.now() - startedMs) / 1_000;
      report(
        `${sum(({ kills }) => kills)} kills in ${seconds.toFixed(1)} s: ` +
          `${sum(({ firstStarts }) => firstStarts)} in fresh folders, ` +
          `${sum(({ beforeReady }) => beforeReady)} before the service was ready; ` +
          `${sum(({ released }) => released)} keys released in ${sum(({ answers }) => answers)} answers`,
      );
      expect(sum(({ released }) => released)).toBeGreaterThan(0);
      // Of a handful of kills, all may come after the start.
      if (isDeep) expect(sum(({ beforeReady }) => beforeReady)).toBeGreaterThan(cycles / 20);
    },
    60_000 + cycles * mostMsPerCycle,
  );
});
