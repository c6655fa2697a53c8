// What the store holds for one (id, version): the ciphertext of every region, and the commitment that proves the right key.
// A record is immutable: a change makes a new record with the next revision.
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
  /** 1 when inserted, and one more with every change; compare-and-set compares it. */
  readonly revision: number;
  /** :: region -> its ciphertext; never empty. May hold regions that are no longer configured. */
  readonly ciphertexts: ReadonlyMap<Region, RegionalCiphertext>;
}

/** The first revision of a record, holding `ciphertexts`. */
export function newKeyRecord(
  facts: Pick<KeyRecord, 'id' | 'version' | 'commitment' | 'createdAtMs'>,
  ciphertexts: readonly RegionalCiphertext[],
): KeyRecord {
  return { ...facts, revision: 1, ciphertexts: byRegion(ciphertexts) };
}

/** The next revision with `added`, each of which may replace the ciphertext of its region; none is dropped. */
export function withCiphertexts(record: KeyRecord, added: readonly RegionalCiphertext[]): KeyRecord {
  const ciphertexts = new Map([...record.ciphertexts, ...byRegion(added)]);
  return { ...record, revision: record.revision + 1, ciphertexts };
}

/** The next revision without the ciphertexts of `regions`; refused if none would remain. */
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

/** Whether the record holds exactly these bytes. Encryption is randomised, so if it does, this very write succeeded. */
export function holdsCiphertext({ ciphertexts }: KeyRecord, { region, bytes }: RegionalCiphertext): boolean {
  const held = ciphertexts.get(region)?.bytes;
  if (held === bytes) return true;
  return held?.length === bytes.length && held.every((byte, index) => byte === bytes[index]);
}

/** Whether two records of one key hold exactly the same ciphertexts, under one commitment. */
export function hasSameCopies(one: KeyRecord, other: KeyRecord): boolean {
  const copies = [...one.ciphertexts.values()];
  const isSame = one.commitment === other.commitment && copies.length === other.ciphertexts.size;
  return isSame && copies.every((each) => holdsCiphertext(other, each));
}

const byRegion = (ciphertexts: readonly RegionalCiphertext[]): Map<Region, RegionalCiphertext> =>
  new Map(ciphertexts.map((ciphertext) => [ciphertext.region, ciphertext]));
