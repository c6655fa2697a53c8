// The body that carries a key: JSON whose base64 is written straight into the body's own bytes.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { writeBase64 } from '../../../../src/adapters/system/base64-bytes.js';
import { keyBody } from '../../../../src/adapters/http/keys/key-answer.js';
import type { ServedKey } from '../../../../src/application/keys/served-key.js';
import { dataKeyLengths } from '../../../../src/domain/keys/data-key.js';
import { keyId, keyVersion, region } from '../../../support/names.js';
import { keyOf } from '../../../support/sample-keys.js';

const served = (plaintext: Uint8Array, id = 'orders/7', version = 1): ServedKey => ({
  id: keyId(id),
  version: keyVersion(version),
  key: keyOf(plaintext),
  region: region('eu-west-1'),
  copies: 3,
  regions: 3,
  created: false,
  attempts: 1,
  hedged: false,
});

describe('the body of an answer with a key', () => {
  it.each(dataKeyLengths)('is one line of JSON with id, version and the %i bytes as base64', (length) => {
    const plaintext = randomBytes(length);
    const body = keyBody(served(plaintext)).toString('latin1');
    expect(body).toBe(`{"id":"orders/7","version":1,"key":"${plaintext.toString('base64')}"}\n`);
    expect(JSON.parse(body)).toEqual({ id: 'orders/7', version: 1, key: plaintext.toString('base64') });
  });

  it.each([`a${'._:/-@+='.repeat(31)}`, 'a', 'z'.repeat(255)])(
    'carries every character that an id may have: %s',
    (id) => {
      const body: unknown = JSON.parse(keyBody(served(randomBytes(32), id, 2 ** 31 - 1)).toString());
      expect(body).toMatchObject({ id, version: 2 ** 31 - 1 });
    },
  );

  it('lies in memory of its own, so that wiping it wipes nothing else and leaves nothing behind', () => {
    const body = keyBody(served(randomBytes(32)));
    expect([body.byteOffset, body.buffer.byteLength]).toEqual([0, body.length]);
  });

  it('leaves the key as it was', () => {
    const plaintext = randomBytes(32);
    const answer = served(plaintext);
    keyBody(answer);
    expect(answer.key.equals(keyOf(plaintext))).toBe(true);
  });
});

describe('base64', () => {
  it('of any bytes is that of Buffer, and nothing around it is touched', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const length = Math.ceil(bytes.length / 3) * 4;
        const around = Buffer.alloc(length + 2, '!');
        writeBase64(bytes, around.subarray(1, length + 1));
        expect(around.toString('latin1')).toBe(`!${Buffer.from(bytes).toString('base64')}!`);
      }),
    );
  });
});
