// The plaintext of a key: only `reveal` shows it, it can be wiped, and it has a commitment.
import { createHmac, randomBytes } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { format, inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { DataKey, dataKeyLengths, isCommitment, isDataKeyLength } from '../../../src/domain/keys/data-key.js';
import { keyId, keyVersion } from '../../support/names.js';
import { hexOf, isWiped, keyOf, randomKey } from '../../support/sample-keys.js';

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index);
const isRightLength = (length: number): boolean => [16, 32, 64].includes(length);

describe('taking bytes as a data key', () => {
  it.each(dataKeyLengths)('accepts %d bytes', (length) => {
    const bytes = randomBytes(length);
    const hex = bytes.toString('hex');
    const taken = DataKey.take(bytes);
    expect(taken.map(hexOf)).toEqual(ok(hex));
    expect(taken.map((key) => key.length)).toEqual(ok(length));
  });

  it('refuses every other length and reports it', () => {
    const lengths = Array.from({ length: 130 }, (_, length) => length).filter((n) => !isRightLength(n));
    for (const lengthBytes of [...lengths, 4_096]) {
      const refusal = err({ kind: 'data-key.length-invalid', lengthBytes });
      expect(DataKey.take(new Uint8Array(lengthBytes))).toEqual(refusal);
    }
  });

  it('zeroes the source, accepted or not', () => {
    for (const length of [16, 32, 64, 1, 31, 33]) {
      const source = new Uint8Array(length).fill(7);
      DataKey.take(source).unwrapOr(undefined);
      expect(source).toEqual(new Uint8Array(length));
    }
  });

  it('copies the bytes: changing the source later has no effect', () => {
    const source = counting(16);
    const key = DataKey.take(source)._unsafeUnwrap();
    source.fill(9);
    expect(hexOf(key)).toBe('000102030405060708090a0b0c0d0e0f');
  });

  it('keeps them outside the pool that small Buffers share', () => {
    const key = DataKey.take(Buffer.from(counting(16)))._unsafeUnwrap();
    expect(key.reveal((bytes) => bytes.buffer.byteLength)).toBe(16);
  });
});

describe('mixing local randomness into a data key', () => {
  it('is XOR, and zeroes the local bytes', () => {
    const key = keyOf(Buffer.from('00ff00ff00ff00ff00ff00ff00ff00ff', 'hex'));
    const local = counting(16);
    key.mixWith(local);
    expect(hexOf(key)).toBe('00fe02fc04fa06f808f60af40cf20ef0');
    expect(local).toEqual(new Uint8Array(16));
  });

  it('makes a key of zeros the local bytes', () => {
    const key = keyOf(Buffer.alloc(32));
    key.mixWith(counting(32));
    expect(hexOf(key)).toBe(Buffer.from(counting(32)).toString('hex'));
  });

  it('refuses another length, which is a bug', () => {
    const key = randomKey();
    expect(() => {
      key.mixWith(counting(16));
    }).toThrow('16 bytes for a key of 32');
  });
});

describe('which lengths a data key has', () => {
  it.each([
    [16, true],
    [32, true],
    [64, true],
    [0, false],
    [24, false],
    [128, false],
    [NaN, false],
  ])('%d bytes: %j', (length, right) => {
    expect(isDataKeyLength(length)).toBe(right);
  });
});

describe('wiping a data key', () => {
  it('overwrites the bytes that `reveal` passed on', () => {
    const key = randomKey();
    const lent = key.reveal((bytes) => bytes);
    key.wipe();
    expect(lent).toEqual(new Uint8Array(32));
  });

  it('may be repeated', () => {
    const key = randomKey();
    key.wipe();
    key.wipe();
    expect(isWiped(key)).toBe(true);
  });

  const uses: readonly (readonly [string, (key: DataKey) => unknown])[] = [
    ['reveal', (key) => key.reveal((bytes) => bytes)],
    ['copy', (key) => key.copy()],
    ['commitmentFor', (key) => key.commitmentFor(keyId('a'), keyVersion(1))],
    ['equals', (key) => key.equals(randomKey())],
    ['equals, as the other one', (key) => randomKey().equals(key)],
    [
      'isCommittedBy',
      (key) =>
        key.isCommittedBy(randomKey().commitmentFor(keyId('a'), keyVersion(1)), keyId('a'), keyVersion(1)),
    ],
  ];

  it.each(uses)('makes every later use throw: %s', (_, use) => {
    const key = randomKey();
    key.wipe();
    expect(() => use(key)).toThrow('a wiped data key was used');
  });
});

describe('printing a data key', () => {
  const key = keyOf(counting(32));
  const ways: readonly (readonly [string, string, string])[] = [
    ['String', String(key), '[redacted]'],
    // eslint-disable-next-line @typescript-eslint/restrict-template-expressions -- the mistake under test
    ['template', `${key}`, '[redacted]'],
    ['concatenation', 'key: '.concat(String(key)), 'key: [redacted]'],
    ['JSON.stringify', JSON.stringify(key), '"[redacted]"'],
    ['JSON.stringify, nested', JSON.stringify({ served: [key] }), '{"served":["[redacted]"]}'],
    ['inspect', inspect(key), '[redacted]'],
    ['inspect, nested', inspect({ served: [key] }), '{ served: [ [redacted] ] }'],
    ['inspect, with what is hidden', inspect(key, { showHidden: true, depth: null }), '[redacted]'],
    ['format %o', format('%o', key), '[redacted]'],
    ['format %O', format('%O', key), '[redacted]'],
    ['format %s', format('%s', key), '[redacted]'],
    ['format %j', format('%j', key), '"[redacted]"'],
    ['format, loose', format(key), '[redacted]'],
    ['inspect of a Map', inspect(new Map([['k', key]])), "Map(1) { 'k' => [redacted] }"],
  ];

  it.each(ways)('shows [redacted]: %s', (_, seen, expected) => {
    expect(seen).toBe(expected);
  });

  const carriers: readonly (readonly [string, unknown])[] = [
    ['structuredClone', structuredClone(key)],
    ['serialize', deserialize(serialize(key))],
    ['Object.assign', Object.assign({}, key)],
    ['Object.entries', Object.entries(key)],
    ['own names', Reflect.ownKeys(key)],
    ['inspect past the custom door', inspect(key, { customInspect: false, showHidden: true, getters: true })],
    ['an error that names it', inspect(new Error('failed', { cause: { key } }))],
  ];

  it.each(carriers)('does not carry the bytes: %s', (_, carried) => {
    const text = inspect(carried, { customInspect: false, depth: null, showHidden: true, getters: true });
    expect(text).not.toMatch(/Uint8Array|Buffer|0, *1, *2, *3|00 ?01 ?02|AAECAw/);
  });
});

describe('the commitment', () => {
  const id = keyId('orders/7');
  const first = keyVersion(1);

  // Computed independently, with Python's hmac.
  it.each([
    [counting(16), 'a', 1, 'z8lL3Gk-nAOra_HRyPgQV0TJT5WKZ5aM7ev3gM_DpTU'],
    [counting(32), 'orders/7', 1, 'cb41MoRpKI2Oa1XtLVm9XfHSldg9cxgKQNAPR9J5Utg'],
    [counting(32), 'orders/7', 2_147_483_647, 'yO8xtkkEKIrP3Zwp6j65zM1nsbd7cUX4j1zRz9N0XdQ'],
    [counting(64), 'a'.repeat(255), 3, 'NFGnioqzadhZeAfIwmTWPlfZvianEtKuhIBnQ9hY8Ck'],
    [new Uint8Array(32), 'A.b_c:d/e-f@g+h=i', 1, 'aVS41_F00IKxqqqWSNjPSB2m67Q-KY18Xi4mPt0nQKU'],
  ])('of a known key never changes (%#)', (bytes, name, version, expected) => {
    expect(keyOf(bytes).commitmentFor(keyId(name), keyVersion(version))).toBe(expected);
  });

  it('is HMAC-SHA256, under the key, of the label, the length, the id and the version', () => {
    const lengths = fc.constantFrom(...dataKeyLengths);
    const bytes = lengths.chain((n) => fc.uint8Array({ minLength: n, maxLength: n }));
    const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:/\-@+=]{0,254}$/);
    fc.assert(
      fc.property(bytes, names, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (key, name, version) => {
        const fields = ['rkms/commitment/v1', String(key.length), name, String(version)];
        const expected = createHmac('sha256', key).update(fields.join('\0')).digest('base64url');
        expect(keyOf(key).commitmentFor(keyId(name), keyVersion(version))).toBe(expected);
      }),
    );
  });

  it('confirms the key, id and version that it was made from', () => {
    const key = randomKey();
    expect(key.isCommittedBy(key.commitmentFor(id, first), id, first)).toBe(true);
    expect(key.copy().isCommittedBy(key.commitmentFor(id, first), id, first)).toBe(true);
  });

  it('denies another id, another version and every key with one bit changed', () => {
    const key = keyOf(counting(32));
    const commitment = key.commitmentFor(id, first);
    expect(key.isCommittedBy(commitment, keyId('orders/8'), first)).toBe(false);
    expect(key.isCommittedBy(commitment, keyId('Orders/7'), first)).toBe(false);
    expect(key.isCommittedBy(commitment, id, keyVersion(2))).toBe(false);
    for (let bit = 0; bit < 256; bit += 1) {
      const other = counting(32);
      other.set([(other[bit >> 3] ?? 0) ^ (1 << (bit & 7))], bit >> 3);
      expect(keyOf(other).isCommittedBy(commitment, id, first)).toBe(false);
    }
  });

  it('differs for a key and the same key padded with zeros, which have the same HMAC', () => {
    const twins = [16, 32, 64].map((length) => {
      const bytes = new Uint8Array(length);
      bytes.set(counting(16));
      return keyOf(bytes);
    });
    const commitments = twins.map((twin) => twin.commitmentFor(id, first));
    expect(new Set(commitments).size).toBe(3);
    expect(twins.map((twin) => commitments.map((made) => twin.isCommittedBy(made, id, first)))).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });

  it.each([
    ['a', 11, 'a1', 1],
    ['a1', 11, 'a11', 1],
    ['a', 12, 'a1', 2],
    ['a/1', 1, 'a', 1],
  ])('of %s in version %d is not that of %s in version %d', (oneId, one, otherId, other) => {
    const key = keyOf(counting(32));
    const commitment = key.commitmentFor(keyId(oneId), keyVersion(one));
    expect(key.isCommittedBy(commitment, keyId(otherId), keyVersion(other))).toBe(false);
  });

  it('differs for different keys of one id', () => {
    const made = Array.from({ length: 64 }, () => randomKey().commitmentFor(id, first));
    expect(new Set(made).size).toBe(64);
  });

  it('has the form that isCommitment accepts', () => {
    expect(isCommitment(randomKey().commitmentFor(id, first))).toBe(true);
  });

  const good = 'A'.repeat(43);
  it.each([
    '',
    'A'.repeat(42),
    'A'.repeat(44),
    `${good}=`,
    `${good}\n`,
    `\n${good}`,
    `${good.slice(1)}+`,
    `é${good.slice(1)}`,
  ])('has not the shape %j', (text) => {
    expect(isCommitment(text)).toBe(false);
  });

  it('denies a text of any length that is not a commitment', () => {
    const key = randomKey();
    const made = key.commitmentFor(id, first);
    const strange = [
      made.slice(1),
      `${made}A`,
      '',
      `é${made.slice(2)}`,
      made.toLowerCase(),
      `${made.slice(0, 42)}é`,
    ];
    const answers = strange.map((text) => key.isCommittedBy(text as typeof made, id, first));
    expect(answers).toEqual(strange.map(() => false));
  });
});

describe('two data keys', () => {
  it('are equal exactly when their bytes are', () => {
    const key = keyOf(counting(32));
    const changed = counting(32);
    changed.set([1], 0);
    expect(key.equals(keyOf(counting(32)))).toBe(true);
    expect(key.equals(key)).toBe(true);
    expect(key.equals(keyOf(changed))).toBe(false);
  });

  it('of different lengths are not equal, even if one is a prefix of the other', () => {
    expect(keyOf(counting(32)).equals(keyOf(counting(16)))).toBe(false);
    expect(keyOf(counting(16)).equals(keyOf(counting(32)))).toBe(false);
  });

  it('made by copying are independent: wiping one does not wipe the other', () => {
    const key = randomKey();
    const hex = hexOf(key);
    const [kept, wiped] = [key.copy(), key.copy()];
    key.wipe();
    wiped.wipe();
    expect(hexOf(kept)).toBe(hex);
  });
});
