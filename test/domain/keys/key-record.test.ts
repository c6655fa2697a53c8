// What the store holds for one key: every change is a new revision, and adding never drops a copy.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import {
  copiesIn,
  newKeyRecord,
  withCiphertexts,
  withoutCiphertexts,
  type KeyRecord,
} from '../../../src/domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../../src/domain/keys/regional-ciphertext.js';
import { keyId, keyVersion, region } from '../../support/names.js';
import { randomKey } from '../../support/sample-keys.js';

const id = keyId('orders/7');
const version = keyVersion(1);
const facts = { id, version, commitment: randomKey().commitmentFor(id, version), createdAtMs: 5 };

const ciphertext = (name: string, ...bytes: readonly number[]): RegionalCiphertext => ({
  region: region(name),
  kmsKey: `key in ${name}`,
  bytes: Uint8Array.from(bytes),
});

const ciphertexts = fc.array(
  fc
    .tuple(fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5'), fc.uint8Array({ minLength: 1, maxLength: 4 }))
    .map(([name, bytes]) => ciphertext(name, ...bytes)),
  { minLength: 1, maxLength: 8 },
);

const byteMap = (record: KeyRecord): ReadonlyMap<string, string> =>
  new Map([...record.ciphertexts].map(([at, { bytes }]) => [at, bytes.join()]));

describe('a new key record', () => {
  it('has revision 1 and one ciphertext per region', () => {
    const [one, two] = [ciphertext('r1', 1), ciphertext('r2', 2)];
    expect(newKeyRecord(facts, [one, two])).toStrictEqual({
      ...facts,
      revision: 1,
      ciphertexts: new Map([
        [one.region, one],
        [two.region, two],
      ]),
    });
  });
});

describe('removing ciphertexts from a key record', () => {
  const record = newKeyRecord(facts, [ciphertext('r1', 1), ciphertext('r2', 2), ciphertext('r3', 3)]);

  it('makes the next revision, without those regions and with all others', () => {
    const expected = { ...newKeyRecord(facts, [ciphertext('r2', 2)]), revision: 2 };
    expect(withoutCiphertexts(record, [region('r1'), region('r3'), region('r9')])).toStrictEqual(
      ok(expected),
    );
  });

  it('is refused when none would remain', () => {
    const all = ['r1', 'r2', 'r3'].map(region);
    expect(withoutCiphertexts(record, all)).toStrictEqual(err({ kind: 'key.copies-needed' }));
  });
});

describe('adding ciphertexts to a key record', () => {
  it('makes the next revision, in which an added ciphertext replaces that of its region', () => {
    const record = newKeyRecord(facts, [ciphertext('r1', 1), ciphertext('r2', 2)]);
    const next = withCiphertexts(record, [ciphertext('r2', 22), ciphertext('r3', 3)]);
    const expected = newKeyRecord(facts, [ciphertext('r1', 1), ciphertext('r2', 22), ciphertext('r3', 3)]);
    expect(next).toStrictEqual({ ...expected, revision: 2 });
  });

  it('never drops a region, changes no other and raises the revision by one', () => {
    fc.assert(
      fc.property(ciphertexts, ciphertexts, (before, added) => {
        const record = newKeyRecord(facts, before);
        const next = withCiphertexts(record, added);
        const expected = new Map([...byteMap(record), ...byteMap(newKeyRecord(facts, added))]);
        expect(byteMap(next)).toEqual(expected);
        expect(next.revision).toBe(record.revision + 1);
      }),
    );
  });

  it('does not change the earlier record', () => {
    const record = newKeyRecord(facts, [ciphertext('r1', 1)]);
    withCiphertexts(record, [ciphertext('r1', 9), ciphertext('r2', 2)]);
    expect(record).toStrictEqual(newKeyRecord(facts, [ciphertext('r1', 1)]));
  });

  it('of none is still a new revision with the same ciphertexts', () => {
    const record = newKeyRecord(facts, [ciphertext('r1', 1)]);
    expect(withCiphertexts(record, [])).toStrictEqual({ ...record, revision: 2 });
  });
});

describe('the copies of a key', () => {
  const record = newKeyRecord(facts, [ciphertext('r1', 1), ciphertext('r2', 2), ciphertext('gone', 3)]);
  it.each([
    [['r1', 'r2', 'r3'], 2],
    [['r1', 'r2'], 2],
    [['r3'], 0],
    [[], 0],
    [['r1', 'r2', 'gone'], 3],
  ])('in the regions %j are %d', (names, copies) => {
    expect(copiesIn(record, names.map(region))).toBe(copies);
  });
});
