// The current keys of one issuer: read at the start, again at intervals, and when a token names an unknown key. If the issuer
// is down or sends no usable set, the last good set stays in use for a bounded time.
import type { JWK } from 'jose';
import type { Clock } from '../../ports/clock.js';
import { keyFor, parseKeySet, type Algorithm, type KeySet } from './key-set.js';
import type { KeySetSource, LastGoodStore } from './key-set-source.js';

export interface IssuerKeysSettings {
  /** Interval between reads, in milliseconds: the longest time that a key removed by the issuer is still accepted. */
  readonly refreshMs: number;
  /** Minimum time between two reads, however many tokens name unknown keys. */
  readonly cooldownMs: number;
  /** How long the last good set is used if reads fail. */
  readonly lastGoodMs: number;
}

export type IssuerKeysEvent =
  | { readonly event: 'issuer.unavailable'; readonly reason: string; readonly lastGoodMs: number | undefined }
  | { readonly event: 'issuer.available' };

/**
 * Tokens that may wait for one read. A caller without a valid token can name keys that do not exist; while the issuer does
 * not respond, each such token holds a request until the read times out.
 */
const maxWaiting = 100;

/** For the log: why a set that was read is not used. */
export const noUsableKey = 'not a JWKS with a public key that RKMS could use';

interface Known {
  readonly readMs: number;
  readonly keys: KeySet;
}

export class IssuerKeys {
  #known: Known | undefined;
  #reading: Promise<void> | undefined;
  #waiting = 0;
  #triedMs = -Infinity;
  #failing = false;
  #cancel: () => void = () => undefined;

  constructor(
    private readonly source: KeySetSource,
    private readonly store: LastGoodStore,
    private readonly clock: Clock,
    private readonly onEvent: (event: IssuerKeysEvent) => void,
    private readonly settings: IssuerKeysSettings,
  ) {}

  /** Loads the last good copy and starts to read, at intervals until `stop`. */
  start(): void {
    const copy = this.store.load();
    const keys = copy && parseKeySet(copy.text);
    if (keys) this.#known = { readMs: copy.readMs, keys };
    void this.#read();
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  /** The key for a token with this header. Waits for a read only if none is known, and if at most 99 other tokens wait. */
  async find(header: {
    readonly alg: Algorithm;
    readonly kid: string | undefined;
  }): Promise<JWK | undefined> {
    const known = this.#find(header);
    if (known !== undefined || this.#waiting >= maxWaiting) return known;
    this.#waiting += 1;
    try {
      await this.#read();
    } finally {
      this.#waiting -= 1;
    }
    return this.#find(header);
  }

  #find(header: { readonly alg: Algorithm; readonly kid: string | undefined }): JWK | undefined {
    const known = this.#known;
    if (known === undefined) return undefined;
    // A set that was read in the future, by a clock that was ahead then, is as old as it is far away.
    const ageMs = Math.abs(this.clock.nowMs() - known.readMs);
    return ageMs <= this.settings.lastGoodMs ? keyFor(known.keys, header) : undefined;
  }

  /** After a failure, the next read comes earlier. */
  #schedule(): void {
    const { refreshMs, cooldownMs } = this.settings;
    this.#cancel = this.clock.schedule(this.#failing ? cooldownMs : refreshMs, () => {
      this.#schedule();
      void this.#read();
    });
  }

  /** At most one read at a time, and at most one per cooldown. */
  #read(): Promise<void> {
    if (this.#reading !== undefined) return this.#reading;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#triedMs < this.settings.cooldownMs) return Promise.resolve();
    this.#triedMs = nowMs;
    this.#reading = this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    const read = await this.source.read();
    if (read.isErr()) {
      this.#failed(read.error.reason);
      return;
    }
    const keys = parseKeySet(read.value);
    if (keys === undefined) {
      this.#failed(noUsableKey);
      return;
    }
    const readMs = this.clock.nowMs();
    this.#known = { readMs, keys };
    this.store.save({ readMs, text: read.value });
    if (this.#failing) this.onEvent({ event: 'issuer.available' });
    this.#failing = false;
  }

  #failed(reason: string): void {
    if (!this.#failing) {
      this.#failing = true;
      this.#cancel();
      this.#schedule();
      this.onEvent({ event: 'issuer.unavailable', reason, lastGoodMs: this.#known?.readMs });
    }
  }
}
