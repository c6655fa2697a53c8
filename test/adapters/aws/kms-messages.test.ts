// A plaintext never becomes a string: it is written into the bytes of a request and read out of the bytes of an answer.
import { describe, expect, it } from '@jest/globals';
import { encryptBody, readAnswer } from '../../../src/adapters/aws/kms-messages.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { encryptionContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { deployment, keyId } from '../../support/names.js';
import { keyOf } from '../../support/sample-keys.js';

const name = { deployment: deployment('test'), id: keyId('orders/7'), version: firstVersion };
const context = encryptionContext(name, 'c'.repeat(43) as Commitment);
const isWiped = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

describe('a request to encrypt', () => {
  it.each([16, 32, 64] as const)('carries a key of %d bytes as base64 in its own bytes', (length) => {
    const bytes = Buffer.alloc(length, 0xa5);
    const body = encryptBody('arn', keyOf(bytes), context);
    expect(JSON.parse(body.toString())).toEqual({
      KeyId: 'arn',
      EncryptionContext: context,
      Plaintext: bytes.toString('base64'),
    });
    expect(body.buffer.byteLength).toBe(body.length);
  });
});

describe('an answer', () => {
  const plaintext = Buffer.alloc(32, 0xa5);

  it('gives its plaintext in memory of its own, and is wiped', () => {
    const body = Buffer.from(`{"KeyId":"arn","Plaintext":"${plaintext.toString('base64')}"}`);
    const read = readAnswer(body);
    expect([read.answer.KeyId, read.plaintext]).toEqual(['arn', new Uint8Array(plaintext)]);
    expect(isWiped(body)).toBe(true);
  });

  it('without a plaintext has none', () => {
    expect(readAnswer(Buffer.from('{"KeyId":"arn"}'))).toEqual({
      answer: { KeyId: 'arn' },
      plaintext: undefined,
    });
  });

  it('that is cut short is an error, and its plaintext is wiped with it', () => {
    const body = Buffer.from(`{"Plaintext":"${plaintext.toString('base64')}"`);
    expect(() => readAnswer(body)).toThrow(SyntaxError);
    expect(isWiped(body)).toBe(true);
  });
});
