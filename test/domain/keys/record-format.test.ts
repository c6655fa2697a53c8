// The stored form of a record: it is read back unchanged, and nothing else is accepted as a record (I11).
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { parseKeyId, parseRegion } from '../../../src/domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import {
  decodeRecord,
  encodeRecord,
  recordFormat,
  type CiphertextFields,
  type UntrustedFields,
} from '../../../src/domain/keys/record-format.js';
import { maxCiphertextBytes } from '../../../src/domain/keys/regional-ciphertext.js';
import { keyVersion } from '../../support/names.js';
import { manyRuns } from '../../support/tiers.js';

const good: CiphertextFields = { region: 'eu-west-1', kmsKey: 'arn:1', bytes: Uint8Array.of(1, 2, 3) };
const fields = {
  format: 1,
  id: 'orders/7',
  version: 1,
  commitment: 'c'.repeat(43),
  createdAtMs: 1_900_000_000_000,
  revision: 1,
  ciphertexts: [good, { ...good, region: 'eu-north-1' }],
} satisfies UntrustedFields;

const broken = (detail: string): unknown => err({ kind: 'key.unreadable', reason: 'broken', detail });

const records: fc.Arbitrary<KeyRecord> = fc
  .record({
    id: fc
      .stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:/\-@+=]{0,254}$/)
      .map((text) => parseKeyId(text)._unsafeUnwrap()),
    version: fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(keyVersion),
    commitment: fc.stringMatching(/^[A-Za-z0-9_-]{43}$/).map((text) => text as KeyRecord['commitment']),
    createdAtMs: fc.maxSafeNat(),
    revision: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    ciphertexts: fc.uniqueArray(
      fc.record({
        region: fc.stringMatching(/^[a-z][a-z0-9-]{0,63}$/).map((text) => parseRegion(text)._unsafeUnwrap()),
        kmsKey: fc.string(),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      }),
      { minLength: 1, maxLength: 5, selector: ({ region }) => region },
    ),
  })
  .map(({ revision, ciphertexts, ...facts }) => ({ ...newKeyRecord(facts, ciphertexts), revision }));

describe('a stored record', () => {
  it('is read back unchanged', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(ok(record));
      }),
    );
  });

  it('is written as these fields, in format 1', () => {
    const record = decodeRecord(fields)._unsafeUnwrap();
    expect(recordFormat).toBe(1);
    expect(encodeRecord(record)).toStrictEqual(fields);
  });

  it('may contain Buffers, and shares no memory with its input', () => {
    const bytes = Buffer.from([1, 2, 3]);
    const record = decodeRecord({ ...fields, ciphertexts: [{ ...good, bytes }] })._unsafeUnwrap();
    bytes.fill(9);
    expect([...record.ciphertexts.values()]).toStrictEqual([good]);
  });

  it('may have ciphertexts of 1 to 6,144 bytes', () => {
    expect(maxCiphertextBytes).toBe(6_144);
    for (const length of [1, 6_144]) {
      const ciphertexts = [{ ...good, bytes: new Uint8Array(length) }];
      expect(decodeRecord({ ...fields, ciphertexts }).isOk()).toBe(true);
    }
  });

  it('may be created at the beginning of 1970 and have any revision from 1', () => {
    const record = decodeRecord({ ...fields, createdAtMs: 0, revision: 7 });
    expect(record.map(({ createdAtMs, revision }) => [createdAtMs, revision])).toEqual(ok([0, 7]));
  });

  it.each([2, 3, 1.5, 1e9, Infinity])(
    'of the newer format %d is refused as newer, whatever its other fields are (I11)',
    (format) => {
      const detail = `format ${format}; this build reads up to 1`;
      const refusal = err({ kind: 'key.unreadable', reason: 'newer-format', detail });
      expect([decodeRecord({ ...fields, format }), decodeRecord({ format })]).toEqual([refusal, refusal]);
    },
  );
});

const junk = { nothing: undefined, null: null, text: 'x', list: [], object: {}, NaN, yes: true };
const notWhole = [-1, 0.5, NaN, Infinity, 2 ** 53, '1', 1n, null, undefined, [1], new Date(0)];
const whole = (
  field: string,
  detail: string,
  values: readonly unknown[],
): (readonly [string, unknown, string])[] => values.map((value) => [field, value, detail]);

const breakages: readonly (readonly [string, unknown, string])[] = [
  ...whole('format', 'format', [0, -1, NaN, 0.5, '1', '2', null, undefined, 1n, [1], -Infinity]),
  ...whole('id', 'id', ['', ' a', 'a b', 'a'.repeat(256), 7, null, undefined, ['a'], new String('a')]),
  ...whole('version', 'version', [0, 2 ** 31, ...notWhole]),
  ...whole('commitment', 'commitment', [
    '',
    'c'.repeat(42),
    'c'.repeat(44),
    `${'c'.repeat(42)}=`,
    7,
    null,
    undefined,
    ['c'.repeat(43)],
  ]),
  ...whole('createdAtMs', 'creation time', notWhole),
  ...whole('revision', 'revision', [0, ...notWhole]),
  ...whole('ciphertexts', 'ciphertexts', [[], {}, null, undefined, 'abc', { length: 1, 0: good }, new Map()]),
  ...whole('ciphertexts', 'ciphertext', [[null], [undefined], [7], ['abc'], [good, null]]),
  ...whole('ciphertexts', 'ciphertext: region', [
    [{}],
    [[]],
    [{ ...good, region: 'EU' }],
    [{ ...good, region: 7 }],
    [{ ...good, region: '' }],
  ]),
  ...whole('ciphertexts', 'ciphertext of eu-west-1: KMS key', [
    [{ ...good, kmsKey: undefined }],
    [{ ...good, kmsKey: 7 }],
  ]),
  ...whole('ciphertexts', 'ciphertext of eu-west-1: not binary', [
    [{ ...good, bytes: 'abc' }],
    [{ ...good, bytes: [1, 2, 3] }],
    [{ ...good, bytes: undefined }],
    [{ ...good, bytes: new Uint16Array(3) }],
    [{ ...good, bytes: new DataView(new ArrayBuffer(3)) }],
    [{ ...good, bytes: new ArrayBuffer(3) }],
    [{ ...good, bytes: { length: 3, [Symbol.toStringTag]: 'Uint8Array' } }],
  ]),
  ...whole('ciphertexts', 'ciphertext of eu-west-1: 0 bytes', [[{ ...good, bytes: new Uint8Array(0) }]]),
  ...whole('ciphertexts', 'ciphertext of eu-west-1: 6145 bytes', [
    [{ ...good, bytes: new Uint8Array(6_145) }],
  ]),
  ...whole('ciphertexts', 'ciphertexts: a region twice', [
    [good, good],
    [good, { ...good, kmsKey: 'arn:2' }],
  ]),
];

describe('a damaged record', () => {
  it.each(breakages)('is refused with the name of the field: %s = %p', (field, value, detail) => {
    expect(decodeRecord({ ...fields, [field]: value })).toEqual(broken(detail));
  });

  it.each(Object.keys(fields))('is one without %s', (missing) => {
    const rest = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== missing));
    expect(decodeRecord(rest).isErr()).toBe(true);
  });

  it('is any other input, and none makes the parser throw', () => {
    const fieldNames = Object.keys(fields);
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withTypedArray: true,
    });
    const oddCiphertext = fc.record(
      { region: anything, kmsKey: anything, bytes: anything },
      { requiredKeys: [] },
    );
    const oddValue = fc.oneof(
      anything,
      fc.array(fc.oneof(anything, oddCiphertext), { minLength: 1 }),
      fc.constantFrom(...Object.values(junk)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...fieldNames), oddValue, (field, value) => {
        const read = decodeRecord({ ...fields, [field]: value });
        // Every accepted record can be written and read again.
        expect(read.map(encodeRecord).andThen(decodeRecord)).toEqual(read);
      }),
      { numRuns: manyRuns(2_000) },
    );
    fc.assert(
      fc.property(fc.object(), fc.dictionary(fc.constantFrom(...fieldNames), anything), (other, some) => {
        expect(decodeRecord({ ...other, ...some }).isErr()).toBe(true);
      }),
    );
  });

  it('may be a sparse list, which no store returns, and is refused like any other', () => {
    const holes: unknown[] = [good];
    holes.length = 3;
    expect(decodeRecord({ ...fields, ciphertexts: holes })).toEqual(broken('ciphertext'));
  });
});
