// Which deployment a store belongs to, and where it is written: only a store with its own genesis record is accepted (I7).
import { describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { checkGenesis } from '../../../src/domain/keys/genesis.js';
import { type WritePlace } from '../../../src/domain/ids.js';
import { deployment, region } from '../../support/names.js';

const ours = deployment('prod');
const east = region('us-east-1');
const west = region('us-west-2');

describe('the genesis record', () => {
  it('of the same deployment is accepted', () => {
    const found = { deployment: ours, createdAtMs: 5 };
    expect(checkGenesis(found, { deployment: ours })).toEqual(ok(found));
  });

  it.each(['staging', 'Prod', 'prod2', 'pro'])(
    'of the deployment %s makes the store foreign (I7)',
    (other) => {
      const found = deployment(other);
      const foreign = err({ kind: 'store.foreign', expected: ours, found });
      expect(checkGenesis({ deployment: found, createdAtMs: 5 }, { deployment: ours })).toStrictEqual(
        foreign,
      );
    },
  );

  it('that is missing makes the store foreign (I7)', () => {
    const foreign = err({ kind: 'store.foreign', expected: ours, found: undefined });
    expect(checkGenesis(undefined, { deployment: ours })).toStrictEqual(foreign);
  });

  it.each<readonly [WritePlace | undefined, WritePlace | undefined]>([
    [east, east],
    ['anywhere', 'anywhere'],
    [undefined, east],
    [undefined, 'anywhere'],
    [east, undefined],
  ])('that says "writes: %s" agrees with who would write to %s', (found, writes) => {
    const genesis = { deployment: ours, createdAtMs: 5, ...(found && { writes: found }) };
    const expected = { deployment: ours, ...(writes && { writes }) };
    expect(checkGenesis(genesis, expected)).toEqual(ok(genesis));
  });

  it.each<readonly [WritePlace, WritePlace]>([
    [east, west],
    [east, 'anywhere'],
    ['anywhere', east],
  ])('that says "writes: %s" refuses who would write to %s (I1)', (found, expected) => {
    const genesis = { deployment: ours, createdAtMs: 5, writes: found };
    expect(checkGenesis(genesis, { deployment: ours, writes: expected })).toStrictEqual(
      err({ kind: 'store.written-elsewhere', expected, found }),
    );
  });
});
