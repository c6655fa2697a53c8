// What the store holds for one (id, version): who can open it and what a right answer looks like.
// A record is never changed, only succeeded by one of the next revision.
import { err, ok, type Result } from 'neverthrow';
import type { Commitment } from './data-key.js';
import type { KeyCopiesNeeded } from '../failures/store-failures.js';
import type { KeyId, KeyVersion, Region } from '../ids.js';
import type { RegionalCiphertext } from './regional-ciphertext.js';

export interface KeyRecord {
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly commitment: Commitment;
  /** Milliseconds since 1970 in UTC. */
  readonly createdAtMs: number;
  /** 1 when inserted, one more with every change; what compare-and-set compares. */
  readonly revision: number;
  /** :: region -> its ciphertext; never empty. Regions that are not configured any more may be among them. */
  readonly ciphertexts: ReadonlyMap<Region, RegionalCiphertext>;
}

/** The first revision of a record, holding `ciphertexts`. */
export function newKeyRecord(
  facts: Pick<KeyRecord, 'id' | 'version' | 'commitment' | 'createdAtMs'>,
  ciphertexts: readonly RegionalCiphertext[],
): KeyRecord {
  return { ...facts, revision: 1, ciphertexts: byRegion(ciphertexts) };
}

/** The record's next revision: `added` join it, or replace the ciphertext their region had; none is dropped. */
export function withCiphertexts(record: KeyRecord, added: readonly RegionalCiphertext[]): KeyRecord {
  const ciphertexts = new Map([...record.ciphertexts, ...byRegion(added)]);
  return { ...record, revision: record.revision + 1, ciphertexts };
}

/** The record's next revision without the ciphertexts of `regions`; refused where none would be left. */
export function withoutCiphertexts(
  record: KeyRecord,
  regions: readonly Region[],
): Result<KeyRecord, KeyCopiesNeeded> {
  const kept = [...record.ciphertexts].filter(([region]) => !regions.includes(region));
  if (kept.length === 0) return err({ kind: 'key.copies-needed' });
  return ok({ ...record, revision: record.revision + 1, ciphertexts: new Map(kept) });
}

/** How many of `regions` hold a ciphertext of this key. */
export function copiesIn(record: KeyRecord, regions: readonly Region[]): number {
  return regions.filter((region) => record.ciphertexts.has(region)).length;
}

/** Whether exactly this ciphertext is in the record. Those of one key are never alike: it is there because it was written. */
export function holdsCiphertext({ ciphertexts }: KeyRecord, { region, bytes }: RegionalCiphertext): boolean {
  const held = ciphertexts.get(region)?.bytes;
  return held?.length === bytes.length && held.every((byte, index) => byte === bytes[index]);
}

const byRegion = (ciphertexts: readonly RegionalCiphertext[]): Map<Region, RegionalCiphertext> =>
  new Map(ciphertexts.map((ciphertext) => [ciphertext.region, ciphertext]));
