// The keys of one issuer while the service runs: read at the start, again every few minutes, and when a token names a key
// that nobody knows. What was good last stays in use while the issuer is down or sends garbage, for a bounded time.
import type { Clock } from '../../ports/clock.js';
import { keyFor, parseKeySet, type Algorithm, type KeySet, type PublicKey } from './key-set.js';
import type { KeySetSource, LastGoodStore } from './key-set-source.js';

export interface IssuerKeysSettings {
  /** How often the keys are read again, in milliseconds; a key that the issuer took back is refused after that. */
  readonly refreshMs: number;
  /** The least time between two readings, however many unknown keys tokens name. */
  readonly cooldownMs: number;
  /** How long keys stay good that could not be read again. */
  readonly lastGoodMs: number;
}

export type IssuerKeysEvent =
  | { readonly event: 'issuer.unavailable'; readonly reason: string; readonly lastGoodMs: number | undefined }
  | { readonly event: 'issuer.available' };

/**
 * So many tokens may wait for one reading. Whoever holds no valid token can name keys that do not exist: while an issuer is
 * silent, each of them would hold a request until the reading ends.
 */
const mostWaiting = 100;

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

  /** Takes over the last good copy and begins to read, again and again until `stop`. */
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

  /** The key that a token with this header was signed with. Waits for the issuer only where none is known, and not where many wait. */
  async find(header: {
    readonly alg: Algorithm;
    readonly kid: string | undefined;
  }): Promise<PublicKey | undefined> {
    const known = this.#find(header);
    if (known !== undefined || this.#waiting >= mostWaiting) return known;
    this.#waiting += 1;
    try {
      await this.#read();
    } finally {
      this.#waiting -= 1;
    }
    return this.#find(header);
  }

  #find(header: { readonly alg: Algorithm; readonly kid: string | undefined }): PublicKey | undefined {
    const known = this.#known;
    const usable = known !== undefined && this.clock.nowMs() - known.readMs <= this.settings.lastGoodMs;
    return usable ? keyFor(known.keys, header) : undefined;
  }

  /** Sooner after a failure. */
  #schedule(): void {
    const { refreshMs, cooldownMs } = this.settings;
    this.#cancel = this.clock.schedule(this.#failing ? cooldownMs : refreshMs, () => {
      this.#schedule();
      void this.#read();
    });
  }

  /** One reading at a time, and none so soon after another. */
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
      this.#failed('what came is no set of public keys');
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
