// Repairs in the background the keys that reads found incomplete: each key is queued once, and one key at a time is repaired
// while the budget allows it. It never delays or fails a read, never grows without bound, and works only between `start`
// and `stop`.
import type { RepairDebt } from '../../domain/keys/repair-plan.js';
import type { RepairFailure } from '../../domain/failures/key-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { Telemetry } from '../../ports/telemetry.js';
import type { RegionSelector } from '../regions/region-selector.js';
import { pause } from '../resilience/with-deadline.js';
import { findRecord, type StoreCalls } from '../store/store-calls.js';
import type { RepairBudget } from './repair-budget.js';
import type { RepairKey } from './repair-key.js';

/** How many keys may wait. Further ones are dropped and counted; their next read queues them again. */
const maxWaiting = 1_000;
/** After an attempt, a key is not queued again for this long. */
const retryAfterMs = 300_000;
/** While keys wait, the budget is checked this often. */
const tickMs = 100;
/** Dropped keys are reported at most this often. */
const reportEveryMs = 60_000;

export class RepairQueue {
  /** :: "id version" -> what a read found */
  private readonly waiting = new Map<string, RepairDebt>();
  /** :: "id version" -> monotonic time of the attempt, oldest first */
  private readonly attempted = new Map<string, number>();
  private stopping: AbortController | undefined;
  /** The running loop; undefined while nothing waits. */
  private draining: Promise<void> | undefined;
  private dropped = 0;
  private reportedAtMs = -Infinity;

  constructor(
    private readonly store: StoreCalls,
    private readonly repairing: Pick<RepairKey, 'repair'>,
    private readonly guide: Pick<RegionSelector, 'isEjected'>,
    private readonly budget: RepairBudget,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
  ) {}

  /** How many keys wait, without the one that is being repaired. */
  get waitingKeys(): number {
    return this.waiting.size;
  }

  /** Begins to accept keys. Call it once. */
  start(): void {
    this.stopping = new AbortController();
  }

  /** Forgets the waiting keys, aborts the repair in flight, and resolves when that has ended. */
  async stop(): Promise<void> {
    this.stopping?.abort();
    this.waiting.clear();
    await this.draining;
  }

  /** Queues a key, unless it waits already, was attempted recently, or all its incomplete regions are ejected. */
  readonly note = (debt: RepairDebt): void => {
    const signal = this.stopping?.signal;
    const name = `${debt.id} ${debt.version}`;
    if (signal === undefined || signal.aborted) return;
    if (this.waiting.has(name) || this.wasAttempted(name) || !this.isRepairable(debt)) return;
    if (this.waiting.size < maxWaiting) this.waiting.set(name, debt);
    else this.dropped += 1;
    this.draining ??= this.drain(signal);
  };

  /** Ends when nothing waits; `stop` empties the queue. */
  private async drain(signal: AbortSignal): Promise<void> {
    while (this.waiting.size > 0) {
      await pause(this.clock, tickMs, signal);
      this.reportDropped();
      if (this.budget.mayBegin()) await this.repairNext(signal);
    }
    this.draining = undefined;
  }

  private async repairNext(signal: AbortSignal): Promise<void> {
    const [next] = this.waiting;
    if (next === undefined) return;
    const [name, debt] = next;
    this.waiting.delete(name);
    if (!this.isRepairable(debt)) return;
    this.rememberAttempt(name);
    const failure = await this.repair(debt, signal).catch((cause: unknown): RepairFailure => ({
      kind: 'vault.request-invalid',
      cause,
    }));
    if (failure === undefined || signal.aborted) return;
    const { id, version } = debt;
    this.telemetry.record({ event: 'key.repair-failed', id, version, failed: [], failure });
  }

  /** Returns why the record could not be read; the repair itself reports its own outcome. */
  private async repair({ id, version }: RepairDebt, signal: AbortSignal): Promise<RepairFailure | undefined> {
    const found = await this.store.read(findRecord(id, version), signal);
    if (found.isErr()) return found.error;
    if (found.value) await this.repairing.repair(found.value, signal);
    return undefined;
  }

  private isRepairable({ regions }: RepairDebt): boolean {
    return regions.some((region) => !this.guide.isEjected(region));
  }

  private wasAttempted(name: string): boolean {
    const atMs = this.attempted.get(name);
    return atMs !== undefined && this.clock.monotonicMs() - atMs < retryAfterMs;
  }

  /** Also forgets the attempts that no longer count, which bounds the map by the budget. */
  private rememberAttempt(name: string): void {
    const nowMs = this.clock.monotonicMs();
    for (const [other, atMs] of this.attempted) {
      if (nowMs - atMs < retryAfterMs) break;
      this.attempted.delete(other);
    }
    this.attempted.set(name, nowMs);
  }

  private reportDropped(): void {
    const nowMs = this.clock.monotonicMs();
    if (this.dropped === 0 || nowMs - this.reportedAtMs < reportEveryMs) return;
    this.telemetry.record({ event: 'repairs.dropped', count: this.dropped });
    this.dropped = 0;
    this.reportedAtMs = nowMs;
  }
}
