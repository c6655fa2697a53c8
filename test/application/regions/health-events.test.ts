// What the outcome of a call says about its region, and what it does not.
import { describe, expect, it } from '@jest/globals';
import { healthEventOf } from '../../../src/application/regions/health-events.js';
import type { RegionCall } from '../../../src/ports/telemetry.js';
import { keyId, region } from '../../support/names.js';
import { vaultFailures } from '../../support/vault-failures.js';

const eventOf = (call: Partial<RegionCall>) =>
  healthEventOf({ region: region('eu-west-1'), durationMs: 20, ...call }, 1_000, 'fast', () => 0.5);
const disabled = vaultFailures['vault.misconfigured'];

describe('a call that succeeded', () => {
  it.each([
    ['opened a key', { operation: 'decrypt' }],
    ['read the store', {}],
  ] as const)('and %s did what probes do, since it began', (_, call) => {
    expect(eventOf(call)).toEqual({ kind: 'answered', atMs: 1_000, speed: 'fast', likeProbeSinceMs: 980 });
  });

  it.each(['encrypt', 'generate'] as const)('is not like a probe when it was to %s', (operation) => {
    expect(eventOf({ operation })).toEqual({ kind: 'answered', atMs: 1_000, speed: 'fast' });
  });
});

describe('a call that failed', () => {
  it('is reported with its failure, its chance and the id of the key', () => {
    const failure = vaultFailures['ciphertext.rejected'];
    expect(eventOf({ operation: 'decrypt', failure, keyId: keyId('orders/7') })).toEqual({
      kind: 'failed',
      atMs: 1_000,
      failure,
      chance: 0.5,
      id: 'orders/7',
    });
  });

  it.each(['encrypt', 'generate'] as const)(
    'says nothing when only the right to %s is missing',
    (operation) => {
      const failure = { kind: 'vault.misconfigured', reason: 'access-denied' } as const;
      expect(eventOf({ operation, failure })).toBeUndefined();
      expect(eventOf({ operation: 'decrypt', failure })).toMatchObject({ kind: 'failed', failure });
      expect(eventOf({ operation, failure: disabled })).toMatchObject({ kind: 'failed', failure: disabled });
    },
  );
});
