// What a request does after one region failed, for every kind of failure there is.
import { describe, expect, it } from '@jest/globals';
import { afterVaultFailure, type AfterFailure } from '../../../src/domain/failures/region-failures.js';
import { vaultFailureKinds, vaultFailures, type VaultFailureKind } from '../../support/vault-failures.js';

const expected: Readonly<Record<VaultFailureKind, AfterFailure>> = {
  'region.unavailable': 'next-region',
  'region.untrusted': 'next-region',
  'region.throttled': 'next-region',
  'vault.misconfigured': 'next-region',
  'ciphertext.rejected': 'next-region',
  'ciphertext.mismatched': 'next-region',
  'credentials.invalid': 'next-region',
  'vault.request-invalid': 'stop',
  'call.aborted': 'stop',
};

describe('after one region failed', () => {
  it.each(vaultFailureKinds)('with %s the request does what the table says', (kind) => {
    expect(afterVaultFailure(vaultFailures[kind])).toBe(expected[kind]);
  });
});
