// Patterns of ids: the table that the documentation shows, what is no pattern, and the matcher against a naive model.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err } from 'neverthrow';
import { everyId, matchesId, parseIdPattern } from '../../../src/domain/access/id-pattern.js';
import { parseKeyId } from '../../../src/domain/ids.js';
import { idPattern } from '../../support/callers.js';
import { naivelyMatches } from '../../support/naive-access.js';
import { keyId } from '../../support/names.js';
import { manyRuns } from '../../support/tiers.js';

const matching = (pattern: string, ids: readonly string[]): readonly string[] =>
  ids.filter((id) => matchesId(idPattern(pattern), keyId(id)));

describe('a pattern', () => {
  it.each([
    ['billing/42', ['billing/42'], ['billing/421', 'billing/4', 'Billing/42', 'billing/42/', 'x/billing/42']],
    ['billing/*', ['billing/42', 'billing/a.b', 'billing/'], ['billing', 'billing/a/b', 'billing2/42']],
    ['billing/**', ['billing/42', 'billing/a/b', 'billing/a/b/c', 'billing/'], ['billing', 'billings/42']],
    ['billing/2026-*', ['billing/2026-01', 'billing/2026-'], ['billing/2025-01', 'billing/2026-01/a']],
    ['*/keys', ['billing/keys', 'a/keys'], ['keys', 'a/b/keys', 'billing/keys/1']],
    ['*/keys/**', ['a/keys/1', 'a/keys/1/2'], ['a/keys', 'a/b/keys/1']],
    ['user-*-eu', ['user-7-eu', 'user--eu'], ['user-eu', 'user-7-eu2', 'user-7/x-eu']],
    ['*', ['billing', '42'], ['billing/42', 'a/']],
    ['**', ['billing', 'billing/42', 'a/b/c', 'a//b', 'a/'], []],
    ['a/*/c', ['a/b/c', 'a//c'], ['a/c', 'a/b/b/c', 'a/b/c/d']],
    ['a/', ['a/'], ['a', 'a/b']],
  ])('%s is for %j and not for %j', (pattern, inside, outside) => {
    expect(matching(pattern, [...inside, ...outside])).toEqual(inside);
  });

  it('has no character that means more than itself, but the star', () => {
    const ids = ['a.c', 'abc', 'a+c', 'aac', 'a-c'];
    expect(['a.c', 'a+c'].map((pattern) => matching(pattern, ids))).toEqual([['a.c'], ['a+c']]);
  });

  it('** is what every id matches', () => {
    expect(idPattern('**')).toEqual(everyId);
  });
});

describe('what is no pattern', () => {
  it.each([
    ['', 'empty'],
    ['a'.repeat(256), 'too-long'],
    ['billing/?', 'bad-character'],
    ['billing/{a,b}', 'bad-character'],
    ['billing/[0-9]', 'bad-character'],
    ['billing 1', 'bad-character'],
    ['bílling/*', 'bad-character'],
    ['!billing/*', 'bad-character'],
    ['billing\n', 'bad-character'],
    ['/billing/*', 'bad-start'],
    ['./a', 'bad-start'],
    ['-a', 'bad-start'],
    ['**/a', 'misplaced-star'],
    ['a/**/b', 'misplaced-star'],
    ['a**', 'misplaced-star'],
    ['a/b**', 'misplaced-star'],
    ['***', 'misplaced-star'],
    ['a/*b*', 'misplaced-star'],
  ] as const)('%j is refused as %s, with a phrase of what is expected', (text, problem) => {
    const refused = parseIdPattern(text);
    expect(refused).toEqual(
      err({
        kind: 'id-pattern.invalid',
        problem,
        expected: expect.stringMatching(/^(a pattern|at most one \*)/),
      }),
    );
  });

  it('is not a pattern of 255 characters', () => {
    expect(parseIdPattern('a'.repeat(255)).isOk()).toBe(true);
  });
});

describe('the matcher', () => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), minLength: 1, maxLength: 9 });
  const ids = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 9 });

  it('agrees with a naive model, for every pattern and id', () => {
    const seen = { matches: 0, others: 0 };
    fc.assert(
      fc.property(texts, ids, (text, asked) => {
        const [pattern, id] = [parseIdPattern(text), parseKeyId(asked)];
        fc.pre(pattern.isOk() && id.isOk());
        if (pattern.isErr() || id.isErr()) return;
        const matches = matchesId(pattern.value, id.value);
        seen[matches ? 'matches' : 'others'] += 1;
        expect([text, asked, matches]).toEqual([text, asked, naivelyMatches(text, asked)]);
      }),
      { numRuns: manyRuns(5_000) },
    );
    expect(Math.min(seen.matches, seen.others)).toBeGreaterThan(manyRuns(50));
  });

  it('agrees that an id without stars is a pattern of itself alone', () => {
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        const [pattern, id] = [parseIdPattern(one), parseKeyId(other)];
        fc.pre(pattern.isOk() && id.isOk());
        expect(pattern.isOk() && id.isOk() && matchesId(pattern.value, id.value)).toBe(one === other);
      }),
    );
  });
});
