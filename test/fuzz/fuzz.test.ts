// All parsers that meet bytes from outside, two at a time. `make test` gives half a second to each, `make test-deep` a minute, and
// `make fuzz MINUTES=60` an hour to all together.
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dose, report } from '../support/tiers.js';
import { target } from './fuzz.js';
import { onAllCores } from './on-all-cores.js';
import { fuzzTargets } from './targets.js';

const jobs = Math.min(2, availableParallelism());
const { FUZZ_MINUTES: minutes } = process.env;
const secondsEach = dose('FUZZ_SECONDS_EACH', { small: 0.5, full: 60 });
const eachMs =
  minutes === undefined ? secondsEach * 1_000 : (Number(minutes) * 60_000 * jobs) / fuzzTargets.length;
const patienceMs = (eachMs * fuzzTargets.length) / jobs + 120_000;

let running: ReturnType<typeof onAllCores>;
beforeAll(() => {
  const names = fuzzTargets.map(({ name }) => name);
  running = onAllCores(names, { timeMs: eachMs, jobs });
}, 60_000);
afterAll(() => running.done, patienceMs);

describe('a parser, given anything,', () => {
  it.each(fuzzTargets)(
    'throws only what it declares, in no time, and writes again what it accepted: $name',
    async ({ name }) => {
      const outcome = await running.outcomes.get(name);
      if (outcome?.broke !== undefined) throw new Error(outcome.broke);
      const tried = outcome?.tried ?? 0;
      const perMinute = Math.round((tried * 60_000) / eachMs);
      report(`fuzz: ${tried} inputs for ${name}, ${perMinute} a minute`);
      expect(tried).toBeGreaterThan(0);
    },
    patienceMs,
  );
});

describe('the fuzzer', () => {
  it('finds a parser that throws, and one that hangs, and says by which input', () => {
    const fussy = target('fussy', fc.string({ unit: 'binary' }), (text) => {
      if (text.includes('7')) throw new Error('I do not like sevens');
    });
    const slow = target(
      'slow',
      fc.nat(),
      (number) => {
        for (const endMs = performance.now() + 30; number > 100 && performance.now() < endMs;);
      },
      25,
    );
    expect(() => fussy.run(20_000)).toThrow(/seed: -?\d+, path: "[\d:]+"[^]*Counterexample: \["7"\]/);
    expect(() => slow.run(20_000)).toThrow('Property failed');
  });
});
