// The JSON body that names a key has one spelling; whatever else parsers might let pass is refused with what to send.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ok } from 'neverthrow';
import { maxBodyBytes, parseKeyJson } from '../../../../src/adapters/http/keys/key-json.js';
import { spelledKeyIds } from '../../../support/key-ids.js';

const parse = (text: string | Uint8Array): unknown => parseKeyJson(Buffer.from(text));
const kindOf = (text: string | Uint8Array): unknown =>
  parseKeyJson(Buffer.from(text)).match(
    (id) => id,
    ({ kind }) => kind,
  );

describe('a body that names a key', () => {
  it('gives back every id that there can be', () => {
    fc.assert(
      fc.property(spelledKeyIds, ({ id }) => {
        expect(parse(JSON.stringify({ id }))).toEqual(ok(id));
      }),
    );
  });

  it.each([
    ['spaces anywhere between', ' {\t"id" :\r\n"orders/7" } \n'],
    ['an escaped slash', '{"id":"orders\\/7"}'],
    ['letters as escapes', '{"id":"\\u006frders/7"}'],
  ])('may have %s', (_, text) => {
    expect(parse(text)).toEqual(ok('orders/7'));
  });
});

describe('a body is no name of a key', () => {
  it.each([
    ['when it is empty', ''],
    ['when it is blank', ' '],
    ['when it is a text', 'orders/7'],
    ['when it is a form', 'id=orders%2F7'],
    ['when it is cut off', '{"id":"orders/7"'],
    ['with something behind it', '{"id":"a"} x'],
    ['with a second object', '{"id":"a"}{"id":"b"}'],
    ['with a comma at the end', '{"id":"a",}'],
    ['with single quotes', "{'id':'a'}"],
    ['with a comment', '{"id":"a"/**/}'],
    ['with a byte order mark', '\ufeff{"id":"a"}'],
    ['with a NUL behind it', '{"id":"a"}\0'],
    ['with a raw line feed in the id', '{"id":"a\nb"}'],
    ['with an unknown escape', '{"id":"\\x61"}'],
    ['with half an escape', '{"id":"\\u00"}'],
    ['as null', 'null'],
    ['as a list', '[{"id":"a"}]'],
    ['as a string', '"a"'],
    ['as an empty object', '{}'],
    ['with a number', '{"id":7}'],
    ['with null for the id', '{"id":null}'],
    ['with a list of ids', '{"id":["a"]}'],
    ['with an object for the id', '{"id":{"id":"a"}}'],
    ['with an unknown member', '{"id":"a","version":1}'],
    ['with an unknown member before', '{"version":1,"id":"a"}'],
    ['with the member twice', '{"id":"a","id":"a"}'],
    ['with the member twice, once in disguise', '{"id":"a","\\u0069d":"b"}'],
    ['with the member in disguise', '{"\\u0069d":"a"}'],
    ['with the member in capitals', '{"ID":"a"}'],
    ['with __proto__', '{"__proto__":{"id":"a"}}'],
    ['with __proto__ beside it', '{"id":"a","__proto__":{}}'],
    ['when it is UTF-16', Buffer.from('{"id":"a"}', 'utf16le')],
    ['when it is Latin-1', Buffer.from('{"id":"\u00e9"}', 'latin1')],
    ['with overlong UTF-8', Buffer.from('{"id":"\xc0\xaf"}', 'latin1')],
    ['with half a surrogate in UTF-8', Buffer.from('{"id":"\xed\xa0\x80"}', 'latin1')],
  ])('%s', (_, text) => {
    expect(kindOf(text)).toBe('request.body-invalid');
    expect(JSON.stringify(parse(text))).toContain('Send {\\"id\\": \\"<id>\\"}');
  });

  it.each([
    ['empty', ''],
    ['of a space', ' '],
    ['of 256 characters', 'a'.repeat(256)],
    ['that climbs', '../etc'],
    ['with half a surrogate', '\\ud800'],
    ['with a NUL', 'a\\u0000'],
    ['with a line feed', 'a\\nb'],
    ['percent-encoded', 'orders%2F7'],
  ])('with an id that is none: %s', (_, id) => {
    expect(kindOf(`{"id":"${id}"}`)).toBe('request.id-invalid');
  });

  it('whatever it is: it is read in a moment, and only its own spelling is taken', () => {
    const pieces = fc.constantFrom('{', '}', '"id"', ':', '"a"', '"', '\\', '\\u', ',', ' ', '[', 'a', '\0');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 300 }), (parts) => {
        const text = parts.join('').slice(0, maxBodyBytes);
        const isTheOne = /^ *\{ *"id" *: *"a" *\} *$/.test(text);
        if (kindOf(text) === 'a') expect(isTheOne).toBe(true);
        else expect(isTheOne).toBe(false);
      }),
    );
  });
});
