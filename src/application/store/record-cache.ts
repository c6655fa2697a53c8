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
  readonly layout: Layout;
  /** The ciphertexts one after another, one character per byte: typed arrays take several times the memory. */
  readonly latin1: string;
  readonly seenAtMs: number;
  /** When it may be read again, by the monotonic clock; infinite while it is. */
  refreshAtMs: number;
}

/** What the ciphertexts of nearly all records have in common: their regions and KMS keys in order, and their lengths. */
type Layout = readonly (Omit<RegionalCiphertext, 'bytes'> & { readonly length: number })[];

function packed({ commitment, createdAtMs, revision, ciphertexts }: KeyRecord, seenAtMs: number): Entry {
  const copies = [...ciphertexts.values()];
  const layout = shared(
    copies.map(({ region, kmsKey, bytes }) => ({ region, kmsKey, length: bytes.length })),
  );
  const latin1 = Buffer.concat(copies.map(({ bytes }) => bytes)).toString('latin1');
  return { commitment, createdAtMs, revision, layout, latin1, seenAtMs, refreshAtMs: 0 };
}

function unpacked(id: KeyId, { layout, latin1, commitment, createdAtMs, revision }: Entry): KeyRecord {
  const all = Buffer.from(latin1, 'latin1');
  const ciphertexts = new Map<Region, RegionalCiphertext>();
  let at = 0;
  for (const { region, kmsKey, length } of layout) {
    ciphertexts.set(region, { region, kmsKey, bytes: all.subarray(at, at + length) });
    at += length;
  }
  return { id, version: firstVersion, commitment, createdAtMs, revision, ciphertexts };
}

/** Far more than the combinations of KMS keys of any deployment. */
const maxLayouts = 1_000;
const layouts = new Map<string, Layout>();

/** One layout for all equal ones. */
function shared(layout: Layout): Layout {
  const name = layout.map(({ region, kmsKey, length }) => `${region} ${kmsKey} ${length}`).join();
  const known = layouts.get(name);
  if (known !== undefined) return known;
  if (layouts.size < maxLayouts) layouts.set(name, layout);
  return layout;
}
