// All parsers, each for an equal share of the time: half a minute in all with the other tests, longer with `make fuzz`.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { target } from './fuzz.js';
import { fuzzTargets } from './targets.js';

const totalMs = Number(process.env['FUZZ_MINUTES'] ?? '0.5') * 60_000;
const shareMs = totalMs / fuzzTargets.length;

describe('a parser, given anything,', () => {
  it.each(fuzzTargets)(
    'throws only what it declares, in no time, and writes again what it accepted: $name',
    ({ name, run }) => {
      const tried = run(shareMs);
      process.stdout.write(`fuzz: ${tried} inputs for ${name}\n`);
      expect(tried).toBeGreaterThan(0);
    },
    shareMs * 2 + 60_000,
  );
});

describe('the fuzzer', () => {
  it('finds a parser that throws, and one that hangs', () => {
    const fussy = target('fussy', fc.string({ unit: 'binary' }), (text) => {
      if (text.includes('7')) throw new Error('I do not like sevens');
    });
    const slow = target('slow', fc.nat(), (number) => {
      for (const endMs = performance.now() + 600; number > 100 && performance.now() < endMs;);
    });
    expect(() => fussy.run(20_000)).toThrow('Property failed');
    expect(() => slow.run(20_000)).toThrow('Property failed');
  });
});
