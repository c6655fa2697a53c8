// Repairs in the background the keys that lack copies, as reads and creations found: one key at a time, while the budget
// allows it. A key stays queued until it is repaired: it waits while its regions are ejected, and after a failed repair. The
// queue never delays or fails a request, never grows without bound, and works only between `start` and `stop`.
import type { RepairDebt } from '../../domain/keys/repair-plan.js';
import type { RepairFailure } from '../../domain/failures/key-failures.js';
import type { KeyId, Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { Telemetry } from '../../ports/telemetry.js';
import type { RegionSelector } from '../regions/region-selector.js';
import { pause } from '../../domain/pause.js';
import { findRecord, type StoreCalls } from '../store/store-calls.js';
import type { RepairBudget } from './repair-budget.js';
import type { RepairKey } from './repair-key.js';

/** How many keys may wait, a few hundred bytes each. Further ones are dropped and counted; their next read queues them. */
const maxWaiting = 10_000;
/** After a failed repair of a key; doubles with each further one. */
const minRetryMs = 5_000;
const maxRetryMs = 300_000;
/** Between two checks of the queue: after a check that found a key to repair, and after one that found none. */
const busyTickMs = 100;
const idleTickMs = 1_000;
/** Dropped keys are reported at most this often. */
const reportEveryMs = 60_000;

interface Waiting {
  readonly debt: RepairDebt;
  /** Monotonic time before which the key is not tried. */
  readonly fromMs: number;
  /** The pause after the next failure. */
  readonly retryMs: number;
}

export class RepairQueue {
  /** :: "id version" -> what is to be repaired, the longest waiting first */
  private readonly waiting = new Map<string, Waiting>();
  /** The key that is being repaired. */
  private current: string | undefined;
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
    /** Called after the repair of a key, however it ended: the record may have changed. */
    private readonly onRepaired: (id: KeyId) => void = () => undefined,
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

  /** Queues a key, unless it waits already or is being repaired. */
  readonly note = (debt: RepairDebt): void => {
    const signal = this.stopping?.signal;
    const name = `${debt.id} ${debt.version}`;
    if (signal === undefined || signal.aborted || this.waiting.has(name) || this.current === name) return;
    if (this.waiting.size < maxWaiting) {
      this.waiting.set(name, { debt, fromMs: this.clock.monotonicMs(), retryMs: minRetryMs });
    } else this.dropped += 1;
    this.draining ??= this.drain(signal);
  };

  /** Ends when nothing waits; `stop` empties the queue. */
  private async drain(signal: AbortSignal): Promise<void> {
    let tickMs = busyTickMs;
    while (this.waiting.size > 0) {
      await pause(this.clock, tickMs, signal);
      this.reportDropped();
      const next = this.nextDue();
      tickMs = next ? busyTickMs : idleTickMs;
      if (next && this.budget.mayBegin()) await this.repairNext(...next, signal);
    }
    this.draining = undefined;
  }

  /** A key of which some region can be repaired now. */
  private nextDue(): [name: string, next: Waiting] | undefined {
    const nowMs = this.clock.monotonicMs();
    for (const [name, next] of this.waiting) {
      const isDue = nowMs >= next.fromMs;
      if (isDue && next.debt.regions.some((region) => !this.guide.isEjected(region))) return [name, next];
    }
    return undefined;
  }

  /** A key that is not completely repaired is queued again. */
  private async repairNext(name: string, { debt, retryMs }: Waiting, signal: AbortSignal): Promise<void> {
    this.waiting.delete(name);
    this.current = name;
    const regions = await this.repair(debt, signal).catch((cause: unknown) =>
      this.failed(debt, { kind: 'vault.request-invalid', cause }, signal),
    );
    this.current = undefined;
    if (regions.length === 0 || signal.aborted) return;
    const fromMs = this.clock.monotonicMs() + retryMs;
    const next = { debt: { ...debt, regions }, fromMs, retryMs: Math.min(2 * retryMs, maxRetryMs) };
    this.waiting.set(name, next);
  }

  /** Returns the regions that still lack a copy, as far as another try may help. */
  private async repair(debt: RepairDebt, signal: AbortSignal): Promise<readonly Region[]> {
    const found = await this.store.read(findRecord(debt.id, debt.version), signal);
    if (found.isErr()) return this.failed(debt, found.error, signal);
    if (found.value === undefined) return [];
    const { failed, failure } = await this.repairing.repair(found.value, signal);
    this.onRepaired(debt.id);
    if (failure) return isFinal(failure) ? [] : debt.regions;
    return debt.regions.filter((region) => failed.some((attempt) => attempt.region === region));
  }

  /** The record could not be read. A repair reports its own outcome. */
  private failed(debt: RepairDebt, failure: RepairFailure, signal: AbortSignal): readonly Region[] {
    const { id, version, regions } = debt;
    if (!signal.aborted)
      this.telemetry.record({ event: 'key.repair-failed', id, version, failed: [], failure });
    return isFinal(failure) ? [] : regions;
  }

  private reportDropped(): void {
    const nowMs = this.clock.monotonicMs();
    if (this.dropped === 0 || nowMs - this.reportedAtMs < reportEveryMs) return;
    this.telemetry.record({ event: 'repairs.dropped', count: this.dropped });
    this.dropped = 0;
    this.reportedAtMs = nowMs;
  }
}

/** No copy opens, or the record cannot be read: only an operator can help. */
const isFinal = ({ kind }: RepairFailure): boolean => kind === 'key.unreadable' || kind === 'key.not-found';
