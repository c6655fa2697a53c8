// The whole application in simulated worlds: no schedule breaks a promise, a seed always gives the same schedule, and a broken
// schedule is reduced.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { dose, report } from '../support/tiers.js';
import { applied, compileSimulation } from './compile.js';
import { coverageTable, neverHit } from './faults.js';
import { mutants } from './mutants.js';
import { spell, unspell } from './plan.js';
import { runSchedule } from './run-schedule.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(new URL('seeds.json', import.meta.url), 'utf8');
const kept = JSON.parse(text) as readonly { readonly schedule: string; readonly found: string }[];
const minutes = 60_000;
const schedules = dose('SCHEDULES', { small: 4_000, full: 20_000 });

const folders: string[] = [];
function compiled(...args: Parameters<typeof compileSimulation>): (script: string) => string {
  const folder = compileSimulation(...args);
  folders.push(folder);
  return (script) => join(folder, 'test/simulation', script);
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

async function run(script: string, ...args: readonly string[]): Promise<{ code: number; output: string }> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
    return { code: 0, output: stdout };
  } catch (failed) {
    const { code, stdout } = failed as { code: number; stdout: string };
    return { code, output: stdout };
  }
}

describe('the simulation', () => {
  it(
    `breaks no promise in ${schedules} schedules, and tries every fault of every call`,
    async () => {
      const { code, output } = await run(compiled(project)('simulate.js'), '--seeds', String(schedules));
      report(`simulation: ${output.split('\n').slice(0, 2).join('; ')}`);
      expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(' 0 schedules broke') });
    },
    20 * minutes,
  );

  it('runs a seed the same way every time', async () => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    const play = async (): Promise<string[]> => {
      const fingerprints: string[] = [];
      for (const seed of seeds) fingerprints.push((await runSchedule({ seed })).fingerprint);
      return fingerprints;
    };
    const first = await play();
    expect(await play()).toEqual(first);
    expect(new Set(first).size).toBe(seeds.length);
  });

  it.each(kept)('keeps $schedule: $found', async ({ schedule }) => {
    expect((await runSchedule(unspell(schedule))).violation).toBeUndefined();
  });

  it('parses a schedule that it has printed', () => {
    const schedule = { seed: 17, processes: 1, actions: [0, 3], faults: [] };
    expect(spell(schedule)).toBe('17:p1:a0.3:f');
    expect(unspell('17:p1:a0.3:f')).toEqual(schedule);
    expect(unspell('17')).toEqual({ seed: 17 });
  });

  it('names the faults that no schedule tried', () => {
    const all = neverHit(new Map());
    const tried = new Map(all.slice(1).map((pair) => [pair, 3]));
    expect(neverHit(tried)).toEqual(all.slice(0, 1));
    expect(all).not.toContain('audit.append lies');
    expect(coverageTable(tried)).toContain('store.dropCiphertexts');
  });
});

describe('a deliberate bug', () => {
  const quick = [
    'no read-back',
    'the quorum is off by one',
    'the genesis record is not checked',
    'a reader creates',
  ];

  it.each(mutants.filter(({ name }) => quick.includes(name)))(
    'is caught: $name',
    async (mutant) => {
      const { output } = await run(compiled(project, mutant)('hunt-mutant.js'), '60');
      const { caughtBy } = JSON.parse(output) as { caughtBy: string };
      expect(mutant.breaks).toContain(caughtBy);
    },
    3 * minutes,
  );

  it(
    'is reduced and reported as one line that reproduces it',
    async () => {
      const mutant = mutants.find(({ name }) => name === 'the context lacks the id');
      const { code, output } = await run(compiled(project, mutant)('simulate.js'), '--seeds', '100');
      expect({ code, output }).toEqual({
        code: 1,
        output: expect.stringMatching(/I5: .*\n {2}make simulate SEED=\d+:p1:a[\d.]+:f\n/),
      });
    },
    3 * minutes,
  );

  it.each(mutants)('replaces a text that occurs exactly once in the sources: $name', (mutant) => {
    const source = readFileSync(join(project, mutant.file), 'utf8');
    expect(applied(mutant, source)).not.toBe(source);
  });
});
