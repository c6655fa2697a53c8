// Keeps opened keys in memory for a bounded time, where the configuration asks for it: their release then needs no region. Every
// caller gets a copy of its own, and a kept key is overwritten when its time is over, whether or not anybody asks for it again.
import type { KeyId } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { ServedKey } from './served-key.js';

export interface KeyCacheSettings {
  /** How long a key is kept after it was opened or created (ms). */
  readonly ttlMs: number;
  /** How many keys are kept; the oldest one goes first. 0: none is. */
  readonly maxKeys: number;
}

interface Kept {
  readonly served: ServedKey;
  readonly openedAtMs: number;
}

export class KeyCache {
  /** How many requests found a key here, and how many did not; since the start of the process. */
  readonly reads = { hit: 0, miss: 0 };
  /** The oldest first: a key that is opened again moves to the end. */
  private readonly kept = new Map<KeyId, Kept>();
  private cancelPurge: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>,
    private readonly settings: KeyCacheSettings,
  ) {}

  /** How many keys are kept now. */
  get size(): number {
    return this.kept.size;
  }

  /** A copy of the key, which the receiver wipes. */
  get(id: KeyId): ServedKey | undefined {
    const kept = this.kept.get(id);
    const ageMs = kept === undefined ? Infinity : this.clock.monotonicMs() - kept.openedAtMs;
    if (kept === undefined || ageMs >= this.settings.ttlMs) {
      this.reads.miss += 1;
      return undefined;
    }
    this.reads.hit += 1;
    const { id: own, version, key, region, copies, regions } = kept.served;
    const facts = { id: own, version, region, copies, regions, created: false, attempts: 0, hedged: false };
    return { ...facts, key: key.copy(), keyAgeMs: ageMs };
  }

  /** Keeps a copy of a key that a region just opened or generated. */
  put(served: ServedKey): void {
    const { id, key } = served;
    const { maxKeys } = this.settings;
    if (maxKeys === 0 || this.closed) return;
    this.drop(id);
    const [oldest] = this.kept.keys();
    if (oldest !== undefined && this.kept.size >= maxKeys) this.drop(oldest);
    this.kept.set(id, { served: { ...served, key: key.copy() }, openedAtMs: this.clock.monotonicMs() });
    if (this.cancelPurge === undefined) this.purgeLater(this.settings.ttlMs);
  }

  /** Wipes all keys, and keeps none from now on. */
  close(): void {
    this.closed = true;
    this.cancelPurge?.();
    for (const id of [...this.kept.keys()]) this.drop(id);
  }

  private drop(id: KeyId): void {
    this.kept.get(id)?.served.key.wipe();
    this.kept.delete(id);
  }

  /** One timer for all keys, for the oldest one. */
  private purgeLater(delayMs: number): void {
    this.cancelPurge = this.clock.schedule(delayMs, () => {
      this.cancelPurge = undefined;
      const nowMs = this.clock.monotonicMs();
      for (const [id, { openedAtMs }] of this.kept) {
        const leftMs = openedAtMs + this.settings.ttlMs - nowMs;
        if (leftMs > 0) {
          this.purgeLater(leftMs);
          return;
        }
        this.drop(id);
      }
    });
  }
}
