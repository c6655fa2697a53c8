// Whose store is it? Only one with our own genesis record is ours (I7).
import { describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { checkGenesis } from '../../src/domain/genesis.js';
import { deployment } from '../support/names.js';

const ours = deployment('prod');

describe('the genesis record', () => {
  it('of our own deployment makes the store ours', () => {
    const found = { deployment: ours, createdAtMs: 5 };
    expect(checkGenesis(found, ours)).toEqual(ok(found));
  });

  it.each(['staging', 'Prod', 'prod2', 'pro'])('of the deployment %s makes it foreign (I7)', (other) => {
    const found = deployment(other);
    const foreign = err({ kind: 'store.foreign', expected: ours, found });
    expect(checkGenesis({ deployment: found, createdAtMs: 5 }, ours)).toStrictEqual(foreign);
  });

  it('that is not there makes it foreign (I7)', () => {
    const foreign = err({ kind: 'store.foreign', expected: ours, found: undefined });
    expect(checkGenesis(undefined, ours)).toStrictEqual(foreign);
  });
});
