// Visits every entry of a source, page by page, with a limit on concurrent visits and on visits per second, in memory that
// does not grow with the source. A stopped scan finishes the visits in flight and knows its position; no entry is visited
// twice or skipped.
import type { Result, ResultAsync } from 'neverthrow';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { PageEntry } from '../../ports/key-repository.js';
import type { StoreCalls } from '../store/store-calls.js';
import { pause } from '../../domain/pause.js';

interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Where the next page begins; absent after the last one. */
  readonly next?: string;
}

/** What is scanned. */
export interface ScanSource<Entry, Failure> {
  page(after: string | undefined, limit: number, signal: AbortSignal): ResultAsync<Page<Entry>, Failure>;
  /** Roughly how many entries there are, where that is known. */
  count(signal: AbortSignal): ResultAsync<number | undefined, Failure>;
  /** Unique within a page. */
  nameOf(entry: Entry): string;
}

export interface ScanSettings {
  /** How many entries are visited at once. */
  readonly concurrency: number;
  /** How many visits begin per second at most; unlimited when absent. */
  readonly perSecond?: number;
  /** The share of the entries that is visited, chosen at random: above 0, up to 1. */
  readonly share: number;
  /** Where an earlier scan stopped. */
  readonly from?: ScanPosition;
}

/** How far a scan has come: it is done with all entries before `after`, and with those of `visited` that come after it. */
export interface ScanPosition {
  readonly after?: string;
  /** Names of entries of the current page; at most one page of them. */
  readonly visited: readonly string[];
  /** How many entries are done in all. */
  readonly done: number;
}

export interface ScanProgress {
  readonly done: number;
  readonly total: number | undefined;
  /** Average since this scan started or was resumed. */
  readonly perSecond: number;
  /** Estimate; undefined while the total or the speed is not known. */
  readonly remainingMs: number | undefined;
}

export type ScanEnd<Failure> =
  | { readonly kind: 'finished' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly failure: Failure };

const pageEntries = 200;
const maxPageAttempts = 5;
/** Before the second attempt to read a page; doubles before each further one. */
const firstPauseMs = 200;

export class Scan<Entry, Failure> {
  private after: string | undefined;
  private readonly visited: Set<string>;
  private done: number;
  private total: number | undefined;
  private readonly startedAtMs: number;
  private nextVisitAtMs = 0;

  constructor(
    private readonly source: ScanSource<Entry, Failure>,
    private readonly clock: Clock,
    private readonly settings: ScanSettings,
  ) {
    const { after, visited, done } = settings.from ?? { visited: [], done: 0 };
    this.after = after;
    this.visited = new Set(visited);
    this.done = done;
    this.startedAtMs = clock.monotonicMs();
  }

  /** Visits every entry, or a sample; ends early when `signal` fires or a page cannot be read. */
  async run(visit: (entry: Entry) => Promise<void>, signal: AbortSignal): Promise<ScanEnd<Failure>> {
    this.total = (await this.source.count(signal)).unwrapOr(undefined);
    do {
      const page = await this.nextPage(signal);
      if (signal.aborted) return { kind: 'stopped' };
      if (page.isErr()) return { kind: 'failed', failure: page.error };
      const { entries, next } = page.value;
      await this.visitAll(entries, visit, signal);
      if (!entries.every((entry) => this.visited.has(this.source.nameOf(entry)))) return { kind: 'stopped' };
      this.after = next;
      for (const entry of entries) this.visited.delete(this.source.nameOf(entry));
      // Visits that never wait would keep signals and timers from being handled.
      await pause(this.clock, 0, signal);
    } while (this.after !== undefined);
    return { kind: 'finished' };
  }

  /** Where a later scan continues; may be called at any time. */
  position(): ScanPosition {
    const { after, visited, done } = this;
    return { ...(after !== undefined && { after }), visited: [...visited], done };
  }

  progress(): ScanProgress {
    const { done, total, settings } = this;
    const seconds = (this.clock.monotonicMs() - this.startedAtMs) / 1_000;
    const perSecond = seconds > 0 ? (done - (settings.from?.done ?? 0)) / seconds : 0;
    const isKnown = total !== undefined && total >= done && perSecond > 0;
    return {
      done,
      total,
      perSecond,
      remainingMs: isKnown ? ((total - done) / perSecond) * 1_000 : undefined,
    };
  }

  private async nextPage(signal: AbortSignal, attempts = 1): Promise<Result<Page<Entry>, Failure>> {
    const page = await this.source.page(this.after, pageEntries, signal);
    if (page.isOk() || attempts === maxPageAttempts || signal.aborted) return page;
    await pause(this.clock, firstPauseMs * 2 ** (attempts - 1), signal);
    return this.nextPage(signal, attempts + 1);
  }

  private async visitAll(
    entries: readonly Entry[],
    visit: (entry: Entry) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    // One iterator that all workers share: each takes the next entry when it is done with one.
    const remaining = entries.filter((entry) => !this.visited.has(this.source.nameOf(entry))).values();
    const work = async (): Promise<void> => {
      for (const entry of remaining) {
        if (this.settings.share >= 1 || this.clock.random() < this.settings.share) {
          await this.waitForRate(signal);
          if (signal.aborted) return;
          await visit(entry);
        }
        this.visited.add(this.source.nameOf(entry));
        this.done += 1;
      }
    };
    await Promise.all(Array.from({ length: this.settings.concurrency }, work));
  }

  /** Waits until the next visit may begin. */
  private async waitForRate(signal: AbortSignal): Promise<void> {
    const { perSecond } = this.settings;
    if (perSecond === undefined) return;
    const nowMs = this.clock.monotonicMs();
    const startAtMs = Math.max(nowMs, this.nextVisitAtMs);
    this.nextVisitAtMs = startAtMs + 1_000 / perSecond;
    if (startAtMs > nowMs) await pause(this.clock, startAtMs - nowMs, signal);
  }
}

/** All records of the store. */
export const storedKeys = (store: StoreCalls): ScanSource<PageEntry, StoreReadFailure> => ({
  page: (after, limit, signal) =>
    store.read({ operation: 'page', run: (keys, own) => keys.page(after, limit, own) }, signal),
  count: (signal) => store.read({ operation: 'page', run: (keys, own) => keys.count(own) }, signal),
  nameOf: ({ id, version }) => `${id} ${version}`,
});
