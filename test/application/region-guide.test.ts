// The order in which regions are tried, as configured.
import { describe, expect, it } from '@jest/globals';
import { configuredOrder } from '../../src/application/region-guide.js';
import { region } from '../support/names.js';
import { vaultFailures, vaultFailureKinds } from '../support/vault-failures.js';

describe('the configured order', () => {
  it('is kept whatever happens to the regions', () => {
    const regions = ['eu-west-1', 'us-east-1', 'ap-south-1'].map(region);
    const guide = configuredOrder(regions);
    for (const kind of vaultFailureKinds) {
      const failure = vaultFailures[kind];
      for (const at of regions) {
        guide.report({ event: 'vault.call', region: at, operation: 'decrypt', durationMs: 1, failure });
      }
      expect(guide.order()).toEqual(['eu-west-1', 'us-east-1', 'ap-south-1']);
    }
  });
});
