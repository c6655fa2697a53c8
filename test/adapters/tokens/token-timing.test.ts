// The time of a refusal reveals nothing about the token: digests are compared in constant time, also for unknown public
// ids.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { makeBearerToken } from '../../../src/adapters/tokens/bearer-token.js';
import { TokenAuthenticator } from '../../../src/adapters/tokens/token-authenticator.js';
import type { StoredToken } from '../../../src/adapters/tokens/stored-token.js';
import { everyId } from '../../../src/domain/access/id-pattern.js';
import { ManualClock } from '../../support/manual-clock.js';
import { callerId } from '../../support/names.js';
import { median } from '../../support/timing.js';

const tokenOf = (publicId: string, secretDigest: Buffer): StoredToken => ({
  publicId,
  secretDigest,
  caller: callerId('app'),
  permissions: new Set(['read']),
  ids: [everyId],
  notBeforeMs: 0,
});
/** The digest with one bit changed in the byte at `index`. */
const changedAt = (digest: Buffer, index: number): Buffer => {
  const changed = Buffer.from(digest);
  changed[index] = (changed[index] ?? 0) ^ 1;
  return changed;
};

const { text, publicId, secretDigest } = makeBearerToken();
const credentials = { authorization: [`Bearer ${text}`] };
const authenticatorWith = (stored: StoredToken | undefined): TokenAuthenticator =>
  new TokenAuthenticator({ find: () => stored }, new ManualClock());

/** :: what is wrong with the token -> an authenticator that refuses it for that reason */
const refusing = {
  'first byte': authenticatorWith(tokenOf(publicId, changedAt(secretDigest, 0))),
  'last byte': authenticatorWith(tokenOf(publicId, changedAt(secretDigest, 31))),
  'unknown id': authenticatorWith(undefined),
};
type Wrong = keyof typeof refusing;
const wrongs = Object.keys(refusing) as readonly Wrong[];

const callsPerSample = 50;
const samples = 200;

/** The median time of each refusal, taken in turns. */
function medians(): Readonly<Record<Wrong, number>> {
  const times: Record<Wrong, number[]> = { 'first byte': [], 'last byte': [], 'unknown id': [] };
  for (let sample = 0; sample < samples; sample += 1) {
    for (const wrong of wrongs) {
      const startedMs = performance.now();
      for (let call = 0; call < callsPerSample; call += 1) void refusing[wrong].authenticate(credentials);
      times[wrong].push(performance.now() - startedMs);
    }
  }
  return {
    'first byte': median(times['first byte']),
    'last byte': median(times['last byte']),
    'unknown id': median(times['unknown id']),
  };
}

describe('refusing a token', () => {
  it('takes the same time for a wrong first byte, a wrong last byte and an unknown id', async () => {
    for (const wrong of wrongs) {
      expect((await refusing[wrong].authenticate(credentials)).isErr()).toBe(true);
    }
    // A busy machine can spoil a measurement, but not make a difference vanish five times.
    let spread = Infinity;
    for (let attempt = 0; attempt < 5 && spread > 1.15; attempt += 1) {
      const times = Object.values(medians());
      spread = Math.min(spread, Math.max(...times) / Math.min(...times));
    }
    expect(spread).toBeLessThanOrEqual(1.15);
  }, 60_000);

  it('compares digests only with timingSafeEqual, once, before any decision', () => {
    const source = readFileSync('src/adapters/tokens/token-authenticator.ts', 'utf8');
    expect(source.match(/timingSafeEqual\(/g)).toHaveLength(1);
    expect(source).not.toMatch(/Digest[^\n]*(===|!==|\.equals|\.compare|indexOf|includes)|Buffer\.compare/);
    const [before = ''] = source.slice(source.indexOf('authenticate({')).split('timingSafeEqual(');
    expect(before).not.toMatch(/return|\bif\b|throw/);
  });

  it('looks a token up by its public id alone', async () => {
    const asked: string[] = [];
    const tokens = {
      find: (id: string) => {
        asked.push(id);
        return tokenOf(publicId, secretDigest);
      },
    };
    const caller = await new TokenAuthenticator(tokens, new ManualClock()).authenticate(credentials);
    expect([caller.isOk(), asked]).toEqual([true, [publicId]]);
  });
});
