// Remembers the records of keys that were opened: ciphertexts and commitment, never a plaintext and never absence. While the
// store is down, known keys are served from here. Only opening a key reads it. A record that the store no longer has stays:
// its absence is a fault of the store, and must not lead to a second key for its id (I7).
import { LRUCache } from 'lru-cache';
import { firstVersion, type KeyId, type Region } from '../../domain/ids.js';
import type { Commitment } from '../../domain/keys/data-key.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { Clock } from '../../ports/clock.js';
import { findRecord, type StoreCalls } from './store-calls.js';

export interface RecordCacheSettings {
  /** How many records are kept; the least recently used one goes first. 0 turns the cache off. */
  readonly maxRecords: number;
  /** A record older than this is served once more, and read again in the background (ms). */
  readonly freshMs: number;
  /** Up to this age a record is served while the store does not answer (ms). */
  readonly maxStaleMs: number;
}

/** A record from the cache, and the time since the store was seen to hold it (ms). */
export interface CachedRecord {
  readonly record: KeyRecord;
  readonly ageMs: number;
}

/** How many reads found a fresh record, an older one, or none; since the start of the process. */
export interface RecordCacheReads {
  fresh: number;
  stale: number;
  miss: number;
}

/** How many records are read again at the same time, and the pause after a try that failed (ms). */
const maxRefreshes = 16;
const retryAfterMs = 5_000;

export class RecordCache {
  readonly reads: RecordCacheReads = { fresh: 0, stale: 0, miss: 0 };
  private readonly entries: LRUCache<KeyId, Entry> | undefined;
  private refreshes = 0;

  constructor(
    private readonly store: StoreCalls,
    private readonly clock: Clock,
    private readonly settings: RecordCacheSettings,
    /** Called when the store does not have the record of a key any more, or that of another key in its place. */
    private readonly onLost: (id: KeyId) => void = () => undefined,
  ) {
    const { maxRecords } = settings;
    this.entries = maxRecords > 0 ? new LRUCache({ max: maxRecords }) : undefined;
  }

  /** How many records are kept now. */
  get size(): number {
    return this.entries?.size ?? 0;
  }

  /** The record of `id`; undefined says nothing about the store. */
  get(id: KeyId): CachedRecord | undefined {
    const entry = this.entries?.get(id);
    const nowMs = this.clock.monotonicMs();
    if (entry === undefined || nowMs - entry.seenAtMs >= this.settings.maxStaleMs) {
      this.reads.miss += 1;
      return undefined;
    }
    const { freshMs } = this.settings;
    const ageMs = nowMs - entry.seenAtMs;
    this.reads[ageMs < freshMs ? 'fresh' : 'stale'] += 1;
    if (ageMs >= freshMs && nowMs >= entry.refreshAtMs) this.refresh(id);
    return { record: unpacked(id, entry), ageMs };
  }

  /** Remembers a record that the store holds and that was opened, or whose key was just created. */
  put(record: KeyRecord): void {
    this.entries?.set(record.id, packed(record, this.clock.monotonicMs()));
  }

  /** Reads a record that is kept again, in the background: it may have been repaired. */
  refresh(id: KeyId): void {
    const entry = this.entries?.peek(id);
    if (entry === undefined || this.refreshes >= maxRefreshes) return;
    this.refreshes += 1;
    entry.refreshAtMs = Infinity;
    const { signal } = new AbortController();
    void this.store.read(findRecord(id, firstVersion), signal).match(
      (record) => {
        this.refreshes -= 1;
        // The key of an id never changes: a record with another commitment is not a newer one.
        if (record?.id === id && record.commitment === entry.commitment) this.put(record);
        else {
          entry.refreshAtMs = this.clock.monotonicMs() + this.settings.freshMs;
          this.onLost(id);
        }
      },
      () => {
        this.refreshes -= 1;
        entry.refreshAtMs = this.clock.monotonicMs() + retryAfterMs;
      },
    );
  }
}

interface Entry {
  readonly commitment: Commitment;
  readonly createdAtMs: number;
  readonly revision: number;
  readonly copies: readonly Copy[];
  readonly seenAtMs: number;
  /** When it may be read again, by the monotonic clock; infinite while it is. */
  refreshAtMs: number;
}

interface Copy {
  readonly region: Region;
  readonly kmsKey: string;
  /** The ciphertext, one character per byte: a typed array takes several times the memory. */
  readonly latin1: string;
}

function packed({ commitment, createdAtMs, revision, ciphertexts }: KeyRecord, seenAtMs: number): Entry {
  const copies = Array.from(ciphertexts.values(), ({ region, kmsKey, bytes }): Copy => ({
    region: interned(region),
    kmsKey: interned(kmsKey),
    latin1: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'),
  }));
  return { commitment, createdAtMs, revision, copies, seenAtMs, refreshAtMs: 0 };
}

function unpacked(id: KeyId, { copies, commitment, createdAtMs, revision }: Entry): KeyRecord {
  const ciphertexts = new Map<Region, RegionalCiphertext>();
  for (const { region, kmsKey, latin1 } of copies) {
    ciphertexts.set(region, { region, kmsKey, bytes: Buffer.from(latin1, 'latin1') });
  }
  return { id, version: firstVersion, commitment, createdAtMs, revision, ciphertexts };
}

/** Far more than the regions and KMS keys of any deployment. */
const maxNames = 1_000;
const names = new Map<string, string>();

/** One string for all equal ones: the names of regions and KMS keys are few, and in every record. */
function interned<T extends string>(name: T): T {
  const known = names.get(name);
  if (known !== undefined) return known as T;
  if (names.size < maxNames) names.set(name, name);
  return name;
}
