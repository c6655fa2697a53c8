// The form in which every store keeps a record: plain fields with a format number. Stores only map the fields to columns or
// attributes, so all of them agree on what a valid record is. A released format stays readable for ever; a newer, unknown or
// damaged record is refused and never rewritten (I11).
import { err, ok, Result } from 'neverthrow';
import { isCommitment } from './data-key.js';
import type { KeyUnreadable } from '../failures/store-failures.js';
import { parseKeyId, parseKeyVersion, parseRegion } from '../ids.js';
import { newKeyRecord, type KeyRecord } from './key-record.js';
import { maxCiphertextBytes, type RegionalCiphertext } from './regional-ciphertext.js';

/** The format this build writes. */
export const recordFormat = 1;

/** One entry of a record's `ciphertexts`. */
export interface CiphertextFields {
  readonly region: string;
  readonly kmsKey: string;
  readonly bytes: Uint8Array;
}

/** A record as a store keeps it; ciphertexts are in no particular order. */
export interface RecordFields {
  readonly format: number;
  readonly id: string;
  readonly version: number;
  readonly commitment: string;
  readonly createdAtMs: number;
  readonly revision: number;
  readonly ciphertexts: readonly CiphertextFields[];
}

/** Fields as read from a store, not validated. */
export type UntrustedFields = { readonly [Field in keyof RecordFields]?: unknown };

/** Always in the format this build writes; never fails. */
export function encodeRecord(record: KeyRecord): RecordFields {
  const { id, version, commitment, createdAtMs, revision } = record;
  const ciphertexts = [...record.ciphertexts.values()];
  return { format: recordFormat, id, version, commitment, createdAtMs, revision, ciphertexts };
}

/** Reads the fields of a stored record. Fails with `key.unreadable`, whose `detail` says which field was wrong. */
export function decodeRecord(fields: UntrustedFields): Result<KeyRecord, KeyUnreadable> {
  if (typeof fields.format === 'number' && fields.format > recordFormat) {
    return unreadable('newer-format', `format ${fields.format}; this build reads up to ${recordFormat}`);
  }
  if (fields.format !== recordFormat) return broken('format');
  const id = typeof fields.id === 'string' ? parseKeyId(fields.id) : undefined;
  const version = typeof fields.version === 'number' ? parseKeyVersion(fields.version) : undefined;
  if (!id?.isOk()) return broken('id');
  if (!version?.isOk()) return broken('version');
  const { commitment, createdAtMs, revision } = fields;
  if (typeof commitment !== 'string' || !isCommitment(commitment)) return broken('commitment');
  if (!isIntegerFrom(createdAtMs, 0)) return broken('creation time');
  if (!isIntegerFrom(revision, 1)) return broken('revision');
  return decodeCiphertexts(fields.ciphertexts).map((ciphertexts) => ({
    ...newKeyRecord({ id: id.value, version: version.value, commitment, createdAtMs }, ciphertexts),
    revision,
  }));
}

/** At least one, and at most one per region. */
function decodeCiphertexts(value: unknown): Result<RegionalCiphertext[], KeyUnreadable> {
  if (!Array.isArray(value) || value.length === 0) return broken('ciphertexts');
  return Result.combine(Array.from(value, decodeCiphertext)).andThen((ciphertexts) => {
    const regions = new Set(ciphertexts.map(({ region }) => region));
    return regions.size === ciphertexts.length ? ok(ciphertexts) : broken('ciphertexts: a region twice');
  });
}

/** Copies the bytes, so that the record shares no memory with its input. */
function decodeCiphertext(value: unknown): Result<RegionalCiphertext, KeyUnreadable> {
  if (typeof value !== 'object' || value === null) return broken('ciphertext');
  const { region: name, kmsKey, bytes } = value as { readonly [Field in keyof CiphertextFields]?: unknown };
  const region = typeof name === 'string' ? parseRegion(name) : undefined;
  if (!region?.isOk()) return broken('ciphertext: region');
  const at = `ciphertext of ${region.value}`;
  if (typeof kmsKey !== 'string') return broken(`${at}: KMS key`);
  if (!isBytes(bytes)) return broken(`${at}: not binary`);
  if (bytes.length === 0 || bytes.length > maxCiphertextBytes) return broken(`${at}: ${bytes.length} bytes`);
  return ok({ region: region.value, kmsKey, bytes: new Uint8Array(bytes) });
}

const isIntegerFrom = (value: unknown, min: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= min;

// Stores may return a Buffer, or a Uint8Array of another realm, for which `instanceof` is false.
const isBytes = (value: unknown): value is Uint8Array =>
  ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';

const broken = (detail: string): Result<never, KeyUnreadable> => unreadable('broken', detail);

const unreadable = (reason: KeyUnreadable['reason'], detail: string): Result<never, KeyUnreadable> =>
  err({ kind: 'key.unreadable', reason, detail });
