// A data key's plaintext. Only `reveal` gives access to the bytes; printing or serialising the object shows [redacted]. The
// bytes are in memory that nothing else shares (no Buffer pool), so wiping them leaves no copy.
import { hash, timingSafeEqual } from 'node:crypto';
import { err, ok, type Result } from 'neverthrow';
import type { KeyId, KeyVersion } from '../ids.js';

/** Lengths a data key may have, in bytes: AES-128, AES-256, and two AES-256 keys (AES-SIV, AES-CBC + HMAC). */
export const dataKeyLengths = [16, 32, 64] as const;
export type DataKeyLength = (typeof dataKeyLengths)[number];

/** HMAC-SHA256 under the data key, as 43 characters of base64url. Identifies a key and reveals nothing about it. */
export type Commitment = string & { readonly commitment: unique symbol };

/** The bytes are not 16, 32 or 64 long. */
export interface DataKeyLengthInvalid {
  readonly kind: 'data-key.length-invalid';
  readonly lengthBytes: number;
}

const redacted = '[redacted]';

export class DataKey {
  readonly #bytes: Uint8Array;
  #wiped = false;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Moves `bytes` into a new DataKey: copies them to new memory, and zeroes `bytes` also when it fails. */
  static take(bytes: Uint8Array): Result<DataKey, DataKeyLengthInvalid> {
    const lengthBytes = bytes.length;
    const own = new Uint8Array(bytes);
    bytes.fill(0);
    if (isDataKeyLength(lengthBytes)) return ok(new DataKey(own));
    own.fill(0);
    return err({ kind: 'data-key.length-invalid', lengthBytes });
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Passes the plaintext to `use`, which must not keep a reference to it. Throws after `wipe`: that is a bug. */
  reveal<T>(use: (plaintext: Uint8Array) => T): T {
    if (this.#wiped) throw new Error('a wiped data key was used');
    return use(this.#bytes);
  }

  /**
   * The commitment to this key as version `version` of `id`. NUL, which no id contains, separates the fields, so that no two
   * (id, version) give the same text. The length is one of them because HMAC pads keys with zeros: without it, a key and the
   * same key with zeros appended would have the same commitment.
   */
  commitmentFor(id: KeyId, version: KeyVersion): Commitment {
    const text = `rkms/commitment/v1\0${this.length}\0${id}\0${version}`;
    return this.reveal((key) => hmacSha256(key, text)) as Commitment;
  }

  /** Whether `commitment` was made from this key, in constant time. */
  isCommittedBy(commitment: Commitment, id: KeyId, version: KeyVersion): boolean {
    const own = this.commitmentFor(id, version);
    if (own.length !== commitment.length) return false;
    utf8.encodeInto(own, ownText);
    // A text with other characters does not fit, and would leave bytes of the one before it.
    const { written } = utf8.encodeInto(commitment, otherText);
    return written === otherText.length && timingSafeEqual(ownText, otherText);
  }

  /** Compares two plaintexts in constant time. */
  equals(other: DataKey): boolean {
    return this.reveal((own) =>
      other.reveal((theirs) => own.length === theirs.length && timingSafeEqual(own, theirs)),
    );
  }

  /**
   * XORs `local`, random bytes of the same length, into this key and zeroes them: the result is unpredictable as long as
   * one of the two was. Throws for another length: that is a bug.
   */
  mixWith(local: Uint8Array): void {
    if (local.length !== this.length) throw new Error(`${local.length} bytes for a key of ${this.length}`);
    this.reveal((own) => {
      own.forEach((byte, at) => (own[at] = byte ^ (local[at] ?? 0)));
    });
    local.fill(0);
  }

  /** A second DataKey with the same plaintext; each must be wiped. */
  copy(): DataKey {
    return this.reveal((bytes) => new DataKey(new Uint8Array(bytes)));
  }

  /** Overwrites the plaintext with zeros. May be called more than once. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}

const utf8 = new TextEncoder();
/** The block of SHA-256 in bytes; no data key is longer. */
const blockBytes = 64;
/** An id of 255 characters, and what is around it. */
const maxTextBytes = 320;

// Work space that every call uses: new memory for each one is work for the garbage collector.
const inner = new Uint8Array(blockBytes + maxTextBytes);
const outer = new Uint8Array(blockBytes + 32);
const [ownText, otherText] = [new Uint8Array(43), new Uint8Array(43)];

/**
 * HMAC of RFC 2104 as base64url. Two calls of `hash` take an eighth of the time of `createHmac`, which makes a key object of
 * the key first. What holds the key is overwritten.
 */
function hmacSha256(key: Uint8Array, text: string): string {
  inner.fill(0x36, 0, blockBytes);
  outer.fill(0x5c, 0, blockBytes);
  key.forEach((byte, at) => {
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  });
  const { read, written } = utf8.encodeInto(text, inner.subarray(blockBytes));
  if (read < text.length) throw new Error(`a text of ${text.length} characters to hash`);
  outer.set(hash('sha256', inner.subarray(0, blockBytes + written), 'buffer'), blockBytes);
  const digest = hash('sha256', outer, 'base64url');
  inner.fill(0);
  outer.fill(0);
  return digest;
}

export function isDataKeyLength(length: number): length is DataKeyLength {
  return (dataKeyLengths as readonly number[]).includes(length);
}

const commitmentPattern = /^[A-Za-z0-9_-]{43}$/;

/** Whether a text has the form of a commitment; only an opened key can show whether it is the right one. */
export const isCommitment = (text: string): text is Commitment => commitmentPattern.test(text);
