// Drives one parser with inputs at random for a given time. An input that throws what was not declared, is accepted without
// being what it claims, or takes too long ends the run with the input made as small as it can be.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

/** How long one input may take, in milliseconds: far more than any needs, on a machine that is busy. */
const inputTimeMs = 500;

/** A parser that meets bytes from outside. */
export interface FuzzTarget {
  readonly name: string;
  /** How the run goes on for `timeMs`; answers with how many inputs were tried. */
  readonly run: (timeMs: number) => number;
}

function timeOf<T>(check: (input: T) => void, input: T): number {
  const startedMs = performance.now();
  check(input);
  return performance.now() - startedMs;
}

/** `check` throws when the parser does with the input what it must not; one input may take `mostMs` milliseconds. */
export const target = <T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  check: (input: T) => void,
  mostMs = inputTimeMs,
): FuzzTarget => ({
  name,
  run: (timeMs) => {
    let tried = 0;
    const property = fc.property(inputs, (input) => {
      tried += 1;
      let tookMs = timeOf(check, input);
      // A busy machine can stop this process in the middle of any input, but not of the same one three times.
      for (let again = 0; again < 2 && tookMs > mostMs; again += 1) tookMs = timeOf(check, input);
      if (tookMs > mostMs) throw new Error(`this input took ${Math.round(tookMs)} ms`);
    });
    fc.assert(property, {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: timeMs,
      markInterruptAsFailure: false,
    });
    return tried;
  },
});

/** Throws unless the two are alike in all depth. */
export function same(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected))
    throw new Error('what was accepted is not written again as the same');
}

/** One change to a text. */
type Change = (text: string) => string;

const places = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const cut = (text: string, at: number): number => Math.floor(text.length * at);

const changes = (words: readonly string[]): fc.Arbitrary<Change> =>
  fc.oneof(
    fc.tuple(places, fc.constantFrom(...words)).map(
      ([at, word]): Change =>
        (text) =>
          text.slice(0, cut(text, at)) + word + text.slice(cut(text, at)),
    ),
    fc.tuple(places, fc.nat({ max: 255 })).map(
      ([at, code]): Change =>
        (text) =>
          text.slice(0, cut(text, at)) + String.fromCharCode(code) + text.slice(cut(text, at) + 1),
    ),
    fc.tuple(places, places).map(
      ([from, to]): Change =>
        (text) =>
          text.slice(0, cut(text, Math.min(from, to))) + text.slice(cut(text, Math.max(from, to))),
    ),
    fc.tuple(places, places).map(
      ([from, to]): Change =>
        (text) =>
          text + text.slice(cut(text, Math.min(from, to)), cut(text, Math.max(from, to))),
    ),
  );

/** Good texts with up to five changes, texts made of the parser's own words, and any text at all. */
export const texts = (good: fc.Arbitrary<string>, words: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 1, arbitrary: good },
    {
      weight: 6,
      arbitrary: fc
        .tuple(good, fc.array(changes(words), { minLength: 1, maxLength: 5 }))
        .map(([text, steps]) => steps.reduce((changed, step) => step(changed), text)),
    },
    {
      weight: 2,
      arbitrary: fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((all) => all.join('')),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  );

/** The same as bytes; characters up to U+00FF become one byte each. */
export const bytes = (good: fc.Arbitrary<Buffer>, words: readonly string[]): fc.Arbitrary<Buffer> =>
  texts(
    good.map((each) => each.toString('latin1')),
    words,
  ).map((text) => Buffer.from(text, 'latin1'));
