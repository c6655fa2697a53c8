// A walk over everything that a source holds, page by page: so many visits at once, so many a second, in memory that does
// not grow with what is walked over. Stopped, it ends what is under way and knows where to go on; nothing is visited twice
// and nothing is left out.
import type { Result, ResultAsync } from 'neverthrow';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { PageEntry } from '../../ports/key-repository.js';
import type { StoreCalls } from '../store/store-calls.js';
import { pause } from '../resilience/pause.js';

/** What is walked over. */
export interface ScanSource<Entry, Failure> {
  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<{ readonly entries: readonly Entry[]; readonly next?: string }, Failure>;
  /** About how many entries there are, where that is known. */
  count(signal: AbortSignal): ResultAsync<number | undefined, Failure>;
  /** Tells entries apart. */
  nameOf(entry: Entry): string;
}

export interface ScanSettings {
  /** How many entries are visited at once. */
  readonly concurrency: number;
  /** How many visits begin in a second at most; without it there is no limit. */
  readonly perSecond?: number;
  /** The share of the entries that is visited, drawn by lot: above 0, up to 1. */
  readonly share: number;
  /** Where an earlier walk stopped. */
  readonly from?: ScanPosition;
}

/** How far a walk has come: past all that comes before `after`, and past what is named, which comes behind it. */
export interface ScanPosition {
  readonly after?: string;
  readonly named: readonly string[];
  /** How many entries that is. */
  readonly count: number;
}

export interface WalkProgress {
  readonly done: number;
  readonly total: number | undefined;
  /** Since this walk began. */
  readonly perSecond: number;
  readonly leftMs: number | undefined;
}

export type ScanEnd<Failure> =
  | { readonly kind: 'finished' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly failure: Failure };

const pageEntries = 200;
const pageTries = 5;
const firstPauseMs = 200;

export class Walk<Entry, Failure> {
  private after: string | undefined;
  private readonly passed: Set<string>;
  private done: number;
  private total: number | undefined;
  private readonly startedMs: number;
  private nextStartMs = 0;

  constructor(
    private readonly source: ScanSource<Entry, Failure>,
    private readonly clock: Clock,
    private readonly settings: ScanSettings,
  ) {
    const { after, named, count } = settings.from ?? { named: [], count: 0 };
    this.after = after;
    this.passed = new Set(named);
    this.done = count;
    this.startedMs = clock.monotonicMs();
  }

  /** Visits every entry, or its lot; ends early when `signal` fires, or when the source cannot be read. */
  async run(visit: (entry: Entry) => Promise<void>, signal: AbortSignal): Promise<ScanEnd<Failure>> {
    this.total = (await this.source.count(signal)).unwrapOr(undefined);
    do {
      const page = await this.nextPage(1, signal);
      if (signal.aborted) return { kind: 'stopped' };
      if (page.isErr()) return { kind: 'failed', failure: page.error };
      const { entries, next } = page.value;
      await this.visitAll(entries, visit, signal);
      if (!entries.every((entry) => this.passed.has(this.source.nameOf(entry)))) return { kind: 'stopped' };
      this.after = next;
      for (const entry of entries) this.passed.delete(this.source.nameOf(entry));
      // Work that never waits would let no signal and no timer through.
      await pause(this.clock, 0, signal);
    } while (this.after !== undefined);
    return { kind: 'finished' };
  }

  /** Where a later walk goes on; right at any time. */
  point(): ScanPosition {
    const { after, passed, done } = this;
    return { ...(after !== undefined && { after }), named: [...passed], count: done };
  }

  progress(): WalkProgress {
    const { done, total, settings } = this;
    const seconds = (this.clock.monotonicMs() - this.startedMs) / 1_000;
    const perSecond = seconds > 0 ? (done - (settings.from?.count ?? 0)) / seconds : 0;
    const isKnown = total !== undefined && total >= done && perSecond > 0;
    return { done, total, perSecond, leftMs: isKnown ? ((total - done) / perSecond) * 1_000 : undefined };
  }

  private async nextPage(
    tries: number,
    signal: AbortSignal,
  ): Promise<Result<{ readonly entries: readonly Entry[]; readonly next?: string }, Failure>> {
    const page = await this.source.page(this.after, pageEntries, signal);
    if (page.isOk() || tries === pageTries || signal.aborted) return page;
    await pause(this.clock, firstPauseMs * 2 ** (tries - 1), signal);
    return this.nextPage(tries + 1, signal);
  }

  private async visitAll(
    entries: readonly Entry[],
    visit: (entry: Entry) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const left = entries.filter((entry) => !this.passed.has(this.source.nameOf(entry))).values();
    const work = async (): Promise<void> => {
      for (const entry of left) {
        if (this.isDrawn()) {
          await this.turn(signal);
          if (signal.aborted) return;
          await visit(entry);
        }
        this.passed.add(this.source.nameOf(entry));
        this.done += 1;
      }
    };
    await Promise.all(Array.from({ length: this.settings.concurrency }, work));
  }

  private isDrawn(): boolean {
    return this.settings.share >= 1 || this.clock.random() < this.settings.share;
  }

  /** Waits until the next visit may begin. */
  private async turn(signal: AbortSignal): Promise<void> {
    const { perSecond } = this.settings;
    if (perSecond === undefined) return;
    const nowMs = this.clock.monotonicMs();
    const startMs = Math.max(nowMs, this.nextStartMs);
    this.nextStartMs = startMs + 1_000 / perSecond;
    if (startMs > nowMs) await pause(this.clock, startMs - nowMs, signal);
  }
}

/** All records of the store. */
export const storedKeys = (store: StoreCalls): ScanSource<PageEntry, StoreReadFailure> => ({
  page: (after, limit, signal) => store.read((keys, bounds) => keys.page(after, limit, bounds), signal),
  count: (signal) => store.read((keys, bounds) => keys.count(bounds), signal),
  nameOf: ({ id, version }) => `${id} ${version}`,
});
