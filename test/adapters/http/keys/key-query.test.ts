// Reading the request target: one id, in any legal spelling, byte for byte; every other text is refused, never repaired.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { parseKeyQuery } from '../../../../src/adapters/http/keys/key-query.js';
import type { RequestFailure } from '../../../../src/adapters/http/server/request-failures.js';
import { spelledKeyIds } from '../../../support/key-ids.js';
import { maxTargetLength, parseTarget } from '../../../../src/adapters/http/server/request-target.js';
import { manyRuns } from '../../../support/tiers.js';

const kindOf = (query: string | undefined): RequestFailure['kind'] | undefined =>
  parseKeyQuery(query).match(
    () => undefined,
    ({ kind }) => kind,
  );

/** What a naive, byte-wise reader makes of a query that it accepts. */
function naively(query: string): string | undefined {
  const [, value] = /^id=((?:[A-Za-z0-9._:/\-@=]|%[0-9A-Fa-f]{2})+)$/.exec(query) ?? [];
  const text = value?.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return text !== undefined && /^[A-Za-z0-9][A-Za-z0-9._:/\-@+=]{0,254}$/.test(text) ? text : undefined;
}

describe('the query of a request for a key', () => {
  it('gives back any id byte for byte, in whatever legal way it is percent-encoded', () => {
    fc.assert(
      fc.property(spelledKeyIds, ({ id, spelled }) => {
        expect(parseKeyQuery(`id=${spelled}`)).toEqual(ok(id));
      }),
    );
  });

  it('is accepted exactly when a naive byte-wise reader finds one id in it, and is refused by kind otherwise', () => {
    const pieces = [
      ...[
        'id=',
        'a',
        'Z',
        '7',
        '%41',
        '%2B',
        '%2f',
        '+',
        '%',
        '%2',
        '%zz',
        '%c0%af',
        '%c3%a9',
        '%00',
        '&',
        '=',
      ],
      ...['#', '?', '%69d=', 'id', '/', ' ', 'é', '\u{10ffff}', '%252f', '.', '-', '_', ':', '@', ';', '[0]'],
    ];
    const nearly = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''));
    const queries = fc.oneof(
      nearly.map((rest) => `id=${rest}`),
      nearly,
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(queries, (query) => {
        const expected = naively(query);
        if (expected === undefined) expect(kindOf(query)).toMatch(/^request\.[a-z-]+$/);
        else expect(parseKeyQuery(query)).toEqual(ok(expected));
      }),
      { numRuns: manyRuns(2_000) },
    );
  });

  it.each([
    ['is not there', undefined, 'request.id-missing'],
    ['is empty', '', 'request.id-missing'],
    ['names the id without a value', 'id', 'request.id-missing'],
    ['has an empty id', 'id=', 'request.id-missing'],
    ['has two ids', 'id=a&id=b', 'request.id-repeated'],
    ['has the same id twice', 'id=a&id=a', 'request.id-repeated'],
    ['has an empty second id', 'id=a&id=', 'request.id-repeated'],
    ['has another parameter', 'id=a&version=1', 'request.parameter-unknown'],
    ['has only another parameter', 'key=a', 'request.parameter-unknown'],
    ['spells the parameter with a percent sign', '%69d=a', 'request.parameter-unknown'],
    ['spells the parameter in capitals', 'ID=a', 'request.parameter-unknown'],
    ['spells the parameter as a list', 'id[]=a', 'request.parameter-unknown'],
    ['has a space before the parameter', '%20id=a', 'request.parameter-unknown'],
    ['ends in an ampersand', 'id=a&', 'request.parameter-unknown'],
    ['begins with an ampersand', '&id=a', 'request.parameter-unknown'],
    ['is a lone ampersand', '&', 'request.parameter-unknown'],
    ['has a raw plus', 'id=a+b', 'request.encoding-invalid'],
    ['has a lone percent sign', 'id=%', 'request.encoding-invalid'],
    ['ends in half an escape', 'id=a%2', 'request.encoding-invalid'],
    ['has an escape that is not hexadecimal', 'id=%zz', 'request.encoding-invalid'],
    ['has an escape that is no UTF-8', 'id=%ff', 'request.encoding-invalid'],
    ['has an overlong escape', 'id=%c0%af', 'request.encoding-invalid'],
    ['has an overlong escape of three bytes', 'id=a%e0%80%af', 'request.encoding-invalid'],
    ['has half a surrogate pair', 'id=%ed%a0%80', 'request.encoding-invalid'],
    ['has half a character', 'id=%c3', 'request.encoding-invalid'],
    ['has an escaped line feed', 'id=a%0a', 'request.id-invalid'],
    ['has an escaped NUL', 'id=a%00', 'request.id-invalid'],
    ['is encoded twice', 'id=a%252f', 'request.id-invalid'],
    ['has a letter of another alphabet', 'id=%d0%b0', 'request.id-invalid'],
    ['has an escaped space', 'id=a%20b', 'request.id-invalid'],
    ['begins with a slash', 'id=/a', 'request.id-invalid'],
    ['begins with a second equals sign', 'id==a', 'request.id-invalid'],
    ['separates by a semicolon', 'id=a;id=b', 'request.id-invalid'],
    ['has an id of 256 characters', `id=${'a'.repeat(256)}`, 'request.id-invalid'],
    ['has an id of 256 escapes', `id=${'%61'.repeat(256)}`, 'request.id-invalid'],
  ])('that %s is refused', (_, query, kind) => {
    expect(kindOf(query)).toBe(kind);
  });

  it.each([
    ['a+b', 'A raw "+" is ambiguous: write %2B for a plus sign.'],
    ['%', 'The id is not valid percent-encoded UTF-8: write %25 for a percent sign.'],
    ['/a', /^The id has a character that is not allowed in ids; an id has 1 to 255 characters of .*\.$/],
    ['a'.repeat(256), /^The id is too long; an id has 1 to 255 characters of .*\.$/],
  ])('says what to change where the kind alone does not tell: %s', (value, detail) => {
    const expected: unknown = typeof detail === 'string' ? detail : expect.stringMatching(detail);
    expect(parseKeyQuery(`id=${value}`)).toMatchObject({ error: { detail: expected } });
  });

  it('never repeats in a refusal what was sent', () => {
    fc.assert(
      fc.property(fc.constantFrom('+', '%', '!', '%zz', 'a&x=', '&id='), (poison) => {
        expect(JSON.stringify(parseKeyQuery(`id=canary${poison}canary`))).not.toContain('canary');
      }),
    );
  });
});

describe('a request target', () => {
  it.each([
    ['/key', { path: '/key', query: undefined }],
    ['/key?', { path: '/key', query: '' }],
    ['/key?id=a', { path: '/key', query: 'id=a' }],
    ['/key?id=a?b', { path: '/key', query: 'id=a?b' }],
    ['/%6bey?id=a', { path: '/%6bey', query: 'id=a' }],
    ['//key', { path: '//key', query: undefined }],
  ])('is cut at the first question mark and changed in no other way: %s', (target, parts) => {
    expect(parseTarget(target)).toEqual(ok(parts));
  });

  it.each(['', '*', 'key?id=a', 'http://127.0.0.1/key?id=a', '/key?id=a#b', '/key#', '?id=a'])(
    'that is not an absolute path without a fragment is malformed: "%s"',
    (target) => {
      expect(parseTarget(target)).toEqual(err({ kind: 'request.malformed' }));
    },
  );

  it('of 1,024 characters is read, and of one more is too long', () => {
    const target = `/key?id=${'a'.repeat(maxTargetLength)}`;
    expect(parseTarget(target.slice(0, 1_024)).isOk()).toBe(true);
    expect(parseTarget(target.slice(0, 1_025))).toEqual(err({ kind: 'request.uri-too-long' }));
  });

  it('leaves room for the longest id with every character encoded', () => {
    const target = parseTarget(`/api/v1/key?id=${'%61'.repeat(255)}`);
    expect(target.andThen(({ query }) => parseKeyQuery(query))).toEqual(ok('a'.repeat(255)));
  });
});
