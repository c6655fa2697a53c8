// What may be added, replaced and dropped: never a copy that may be good (I6).
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CopyState, CopyCheck } from '../../../src/domain/keys/copy-check.js';
import { newKeyRecord } from '../../../src/domain/keys/key-record.js';
import { droppable, planRepair } from '../../../src/domain/keys/repair-plan.js';
import { keyId, keyVersion, region } from '../../support/names.js';
import { randomKey } from '../../support/sample-keys.js';
import { vaultFailures } from '../../support/vault-failures.js';

const rejected = vaultFailures['ciphertext.rejected'];
const mismatched = vaultFailures['ciphertext.mismatched'];
const down = vaultFailures['region.unavailable'];
const [r1, r2, r3, r4] = ['r1', 'r2', 'r3', 'r4'].map(region) as [
  ReturnType<typeof region>,
  ReturnType<typeof region>,
  ReturnType<typeof region>,
  ReturnType<typeof region>,
];

const check = (...states: readonly CopyState[]): CopyCheck =>
  states.map((state, index) => ({ region: region(`r${index + 1}`), state }));

describe('a repair plan', () => {
  const found = check(
    { kind: 'good' },
    { kind: 'missing' },
    { kind: 'unreadable', failure: rejected },
    { kind: 'mismatched', failure: mismatched },
    { kind: 'not-checked', failure: down },
  );

  it('adds missing copies, replaces those proven unreadable, and keeps those that were not checked', () => {
    expect(planRepair(found, () => false)).toEqual({
      missing: [r2],
      unreadable: [r3, r4],
      failed: [{ region: region('r5'), failure: down }],
    });
  });

  it('writes no key into an ejected region that returned a wrong one', () => {
    expect(planRepair(found, () => true)).toEqual({
      missing: [r2],
      unreadable: [r3],
      failed: [
        { region: r4, failure: mismatched },
        { region: region('r5'), failure: down },
      ],
    });
  });

  it('of a complete key is empty', () => {
    expect(planRepair(check({ kind: 'good' }, { kind: 'good' }), () => false)).toEqual({
      missing: [],
      unreadable: [],
      failed: [],
    });
  });

  it('never touches a copy that is good or may be', () => {
    const state = fc.constantFrom<CopyState>(
      { kind: 'good' },
      { kind: 'missing' },
      { kind: 'unreadable', failure: rejected },
      { kind: 'mismatched', failure: mismatched },
      { kind: 'not-checked', failure: down },
    );
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 6 }), fc.boolean(), (states, alone) => {
        const all = check(...states);
        const plan = planRepair(all, () => alone);
        const touched = [...plan.missing, ...plan.unreadable];
        const spared = all.filter(({ state: { kind } }) => kind === 'good' || kind === 'not-checked');
        expect(spared.filter((each) => touched.includes(each.region))).toEqual([]);
        expect(touched.length + plan.failed.length).toBe(
          all.filter((each) => each.state.kind !== 'good').length,
        );
      }),
    );
  });
});

describe('copies of removed regions', () => {
  const id = keyId('orders/7');
  const version = keyVersion(1);
  const facts = { id, version, commitment: randomKey().commitmentFor(id, version), createdAtMs: 0 };
  const record = newKeyRecord(
    facts,
    [r1, r2, r3].map((at) => ({ region: at, kmsKey: 'k', bytes: Uint8Array.of(1) })),
  );

  it('may be dropped when every configured region is proven and they reach the quorum', () => {
    expect(droppable(record, [r1, r2], [r1, r2], 2)).toEqual([r3]);
  });

  it('stay while a configured region is not proven, whatever the quorum', () => {
    expect(droppable(record, [r1, r2], [r1], 1)).toEqual([]);
  });

  it('stay while the proven regions are fewer than the quorum', () => {
    expect(droppable(record, [r1], [r1], 2)).toEqual([]);
  });

  it('do not exist when all regions are configured', () => {
    expect(droppable(record, [r1, r2, r3], [r1, r2, r3], 2)).toEqual([]);
  });
});
