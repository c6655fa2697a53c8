// Base64 in bytes: read and written as Buffer does, strictly, without an intermediate string.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readBase64 } from '../../../src/adapters/system/base64-bytes.js';

describe('base64 in bytes', () => {
  it('is read as Buffer reads it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(Buffer.from(bytes).toString('base64'));
        expect(readBase64(text)).toEqual(bytes);
      }),
    );
  });

  it.each(['A', 'AAA', 'AAA*', 'A===', 'AA=A', '====', 'AAAA=', 'AA A', 'A-_A', '"AAA', 'AAAA\n'])(
    'refuses what is not padded base64: %j',
    (text) => {
      expect(readBase64(Buffer.from(text))).toBeUndefined();
    },
  );

  it('is decoded into new memory', () => {
    const read = readBase64(Buffer.from(randomBytes(32).toString('base64')));
    expect(read?.buffer.byteLength).toBe(32);
  });
});
