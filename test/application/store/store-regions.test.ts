// The probe of a store's region: only the genesis record of this deployment shows that the region is well.
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { genesisProbe } from '../../../src/application/store/store-regions.js';
import { deployment, region } from '../../support/names.js';
import { east, ReplicatedStore, type Act } from '../../support/replicated-store.js';

const ours = deployment('test');
const patience = (): AbortSignal => new AbortController().signal;

async function probed(act: Act, owner?: string): Promise<unknown> {
  const replica = new ReplicatedStore().replica(east);
  if (owner !== undefined) {
    await replica.inner.initialise({ deployment: deployment(owner), createdAtMs: 5 }, patience());
  }
  replica.always = act;
  return firstValueFrom(genesisProbe([{ region: east, repository: replica }], ours)(east));
}

const notThisTable = {
  kind: 'store.misconfigured',
  detail: 'the table holds no genesis record of this deployment',
};

describe('a probe of the store in a region', () => {
  it('succeeds with the genesis record of this deployment', async () => {
    expect(await probed('answer', 'test')).toBeUndefined();
  });

  it.each([undefined, 'staging'])('finds the table wrong with the genesis record of %s', async (owner) => {
    expect(await probed('answer', owner)).toEqual(notThisTable);
  });

  it.each<readonly [Act, object | undefined]>([
    ['refused', { kind: 'region.unavailable', reason: 'unreachable' }],
    ['throttled', { kind: 'region.throttled' }],
    ['misconfigured', { kind: 'store.misconfigured', detail: 'no table' }],
    ['no-credentials', { kind: 'credentials.invalid' }],
    ['unreadable', notThisTable],
  ])('of a region that is "%s" tells so', async (act, fault) => {
    expect(await probed(act, 'test')).toEqual(fault);
  });

  it('of a region without a replica is a bug', () => {
    expect(() => genesisProbe([], ours)(region('eu-west-1'))).toThrow('the store is not in eu-west-1');
  });
});
