// What a ciphertext is bound to: exactly these pairs, and nothing secret.
import { describe, expect, it } from '@jest/globals';
import { encryptionContext, generationContext } from '../../../src/domain/keys/encryption-context.js';
import { deployment, keyId, keyVersion } from '../../support/names.js';
import { hexOf, randomKey } from '../../support/sample-keys.js';

const name = { deployment: deployment('prod'), id: keyId('orders/7'), version: keyVersion(12) };

describe('the encryption context', () => {
  it('names deployment, id, version and commitment, all as text', () => {
    const commitment = randomKey().commitmentFor(name.id, name.version);
    expect(encryptionContext(name, commitment)).toStrictEqual({
      'rkms:deployment': 'prod',
      'rkms:id': 'orders/7',
      'rkms:version': '12',
      'rkms:commitment': commitment,
    });
  });

  it('has no commitment in the generating call', () => {
    expect(generationContext(name)).toStrictEqual({
      'rkms:deployment': 'prod',
      'rkms:id': 'orders/7',
      'rkms:version': '12',
    });
  });

  it('contains no other field of its input', () => {
    const key = randomKey();
    const secretive = { ...name, key, plaintext: hexOf(key) };
    const commitment = key.commitmentFor(name.id, name.version);
    expect(encryptionContext(secretive, commitment)).toStrictEqual(encryptionContext(name, commitment));
  });
});
