// Names: which texts are valid, and that a parser never changes a valid one.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import {
  firstVersion,
  parseCallerId,
  parseDeployment,
  parseKeyId,
  parseKeyVersion,
  parseRegion,
  type NameInvalid,
} from '../../src/domain/ids.js';

const lower = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';
const letters = lower + lower.toUpperCase();
const idCharacters = `${letters}${digits}._:/-@+=`;

interface Grammar {
  readonly parse: (text: string) => unknown;
  readonly what: NameInvalid['what'];
  readonly expected: string;
  readonly maxLength: number;
  readonly first: string;
  readonly rest: string;
}

const grammars: readonly Grammar[] = [
  {
    parse: parseKeyId,
    what: 'key id',
    expected: '1 to 255 characters of A-Z a-z 0-9 . _ : / - @ + =, starting with a letter or digit',
    maxLength: 255,
    first: letters + digits,
    rest: idCharacters,
  },
  {
    parse: parseRegion,
    what: 'region',
    expected: '1 to 64 characters of a-z 0-9 -, starting with a letter',
    maxLength: 64,
    first: lower,
    rest: `${lower}${digits}-`,
  },
  {
    parse: parseCallerId,
    what: 'caller',
    expected: '1 to 128 characters of A-Z a-z 0-9 . _ : / - @ + =, starting with a letter or digit',
    maxLength: 128,
    first: letters + digits,
    rest: idCharacters,
  },
  {
    parse: parseDeployment,
    what: 'deployment',
    expected: '1 to 64 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
    maxLength: 64,
    first: letters + digits,
    rest: `${letters}${digits}._-`,
  },
];

describe.each(grammars)('the name of a $what', ({ parse, what, expected, maxLength, first, rest }) => {
  const invalid = (problem: NameInvalid['problem']): unknown =>
    err({ kind: 'name.invalid', what, problem, expected });
  const oneOf = (characters: string): fc.Arbitrary<string> => fc.constantFrom(...Array.from(characters));
  const isOf = (characters: string, unit: string): boolean => characters.includes(unit);
  const names = fc
    .tuple(oneOf(first), fc.array(oneOf(rest), { maxLength: maxLength - 1 }))
    .map(([head, tail]) => head + tail.join(''));

  it('is every text of the grammar, unchanged', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(parse(name)).toEqual(ok(name));
      }),
    );
  });

  it('may use each of its characters', () => {
    for (const character of first) expect(parse(character)).toEqual(ok(character));
    for (const character of rest) expect(parse(`a${character}`)).toEqual(ok(`a${character}`));
  });

  it('has no other character at the start, in the middle or at the end', () => {
    const anyUnit = fc.integer({ min: 0, max: 0xff_ff }).map((unit) => String.fromCharCode(unit));
    const strange = anyUnit.filter((unit) => !isOf(rest, unit));
    const noBeginning = fc.oneof(anyUnit, oneOf(rest)).filter((unit) => !isOf(first, unit));
    const short = names.map((name) => name.slice(0, maxLength - 2));
    fc.assert(
      fc.property(strange, noBeginning, short, short, (unit, beginning, before, after) => {
        const half = Math.floor((maxLength - 1) / 2);
        const inside = before.slice(0, half) + unit + after.slice(0, half);
        expect(parse(inside)).toEqual(invalid('bad-character'));
        expect(parse(before + unit)).toEqual(invalid('bad-character'));
        expect(parse(beginning + after)).toEqual(invalid('bad-character'));
      }),
    );
  });

  it('is not empty', () => {
    expect(parse('')).toEqual(invalid('empty'));
  });

  it(`has at most ${maxLength} characters`, () => {
    expect(parse('a'.repeat(maxLength))).toEqual(ok('a'.repeat(maxLength)));
    expect(parse('a'.repeat(maxLength + 1))).toEqual(invalid('too-long'));
    expect(parse(' '.repeat(1_000_000))).toEqual(invalid('too-long'));
  });
});

describe('the id of a key', () => {
  it.each(['7', 'a', 'orders/7', 'A.b_c:d/e-f@g+h=i', 'a//b', 'a/../b', 'urn:x:y', 'user@host', 'YQ=='])(
    'may be %j',
    (text) => {
      expect(parseKeyId(text)).toEqual(ok(text));
    },
  );

  it.each([
    ' a',
    'a ',
    'a\n',
    'a\0',
    'a\0b',
    '/a',
    '.a',
    '-a',
    '=a',
    '@a',
    '+a',
    ':a',
    '_a',
    'a%2F',
    'a?b',
    'a#b',
    'a\\b',
    'a,b',
    'é',
    'e\u0301',
    '\u212a',
    'a\u200b',
    '\ufeffa',
    'a\u{1f511}',
  ])('is never %j', (text) => {
    expect(parseKeyId(text).mapErr(({ problem }) => problem)).toEqual(err('bad-character'));
  });

  it('is case-sensitive', () => {
    expect([parseKeyId('Orders'), parseKeyId('orders')]).toEqual([ok('Orders'), ok('orders')]);
  });
});

describe('the version of a key', () => {
  const invalid = err({
    kind: 'name.invalid',
    what: 'key version',
    problem: 'out-of-range',
    expected: 'a whole number from 1 to 2147483647',
  });

  it('is every whole number from 1 to 2^31 - 1', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_147_483_647 }), (value) => {
        expect(parseKeyVersion(value)).toEqual(ok(value));
      }),
    );
  });

  it.each([1, 2_147_483_647])('may be %d', (value) => {
    expect(parseKeyVersion(value)).toEqual(ok(value));
  });

  it.each([0, -0, -1, 0.5, 1.5, 2_147_483_648, Number.MAX_SAFE_INTEGER, NaN, Infinity, -Infinity])(
    'is never %d',
    (value) => {
      expect(parseKeyVersion(value)).toEqual(invalid);
    },
  );

  it('starts at 1', () => {
    expect(firstVersion).toBe(1);
  });
});
