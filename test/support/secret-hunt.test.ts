// The hunt must find what is there, or its silence means nothing.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { makeBearerToken } from '../../src/adapters/tokens/bearer-token.js';
import { SecretHunt } from './secret-hunt.js';

describe('the hunt for secrets', () => {
  const key = randomBytes(32);
  const hunt = new SecretHunt();
  hunt.addKey(key.toString('base64'));

  it.each([0, 1, 2, 3, 4, 5])('finds a key behind %i other bytes in every encoding', (shift) => {
    const text = Buffer.concat([randomBytes(shift), key, randomBytes(7)]);
    expect(hunt.findIn(text)).toEqual(['raw']);
    expect(hunt.findIn(Buffer.from(text.toString('hex')))).toEqual(['hex']);
    expect(hunt.findIn(Buffer.from(text.toString('base64')))).toContain('base64');
    expect(hunt.findIn(Buffer.from(text.toString('base64url')))).toContain('base64url');
  });

  it('finds the secret of a token, but does not mind its public id', () => {
    const { text, publicId } = makeBearerToken();
    const tokens = new SecretHunt();
    tokens.addToken(text);
    expect(tokens.findIn(Buffer.from(`{"token":"${text}"}`))).toContain('base64url');
    expect(tokens.findIn(Buffer.from(`{"id":"${publicId}"}`))).toEqual([]);
  });

  it('finds nothing where nothing is', () => {
    expect(hunt.findIn(randomBytes(100_000))).toEqual([]);
  });
});
