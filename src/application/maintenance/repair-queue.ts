// Repair in the background: what reads find lacking is queued, once per key, and repaired one key at a time while there is
// budget for it. Never delays or fails a read, never grows without bound, and does nothing while nobody is subscribed.
import {
  catchError,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  finalize,
  Observable,
  Subject,
  takeWhile,
  tap,
} from 'rxjs';
import type { Clock } from '../../ports/clock.js';
import type { Telemetry } from '../../ports/telemetry.js';
import type { RegionSelector } from '../regions/region-selector.js';
import type { RepairBudget } from './repair-budget.js';
import type { KeyRepair, RepairKey } from './repair-key.js';
import { observableCall } from '../resilience/observable-call.js';
import type { StoreCalls } from '../store/store-calls.js';
import type { RepairDebt } from '../../domain/keys/repair-plan.js';

/** How many keys may wait, and how long one that was tried is not tried again. */
const mostWaiting = 1_000;
const rememberedMs = 300_000;
/** How often the queue looks whether it may go on, and how often it says that it was full. */
const tickMs = 100;
const tellEveryMs = 60_000;

export class RepairQueue {
  /** :: "id version" -> what a read found */
  private readonly waiting = new Map<string, RepairDebt>();
  /** :: "id version" -> when it was tried */
  private readonly tried = new Map<string, number>();
  private readonly mailbox = new Subject<void>();
  private working = false;
  private busy = false;
  private dropped = 0;
  private toldMs = -Infinity;
  private underWay: Promise<unknown> = Promise.resolve();

  /** The actor itself: it works while somebody is subscribed, and emits what became of each key. It never errors. */
  readonly repairs$: Observable<KeyRepair>;

  constructor(
    private readonly store: StoreCalls,
    private readonly repairing: RepairKey,
    private readonly guide: Pick<RegionSelector, 'isEjected'>,
    private readonly budget: RepairBudget,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
  ) {
    this.repairs$ = defer(() => {
      this.working = true;
      return this.mailbox.pipe(
        exhaustMap(() => this.drain()),
        finalize(() => {
          this.working = false;
          this.waiting.clear();
        }),
      );
    });
  }

  /** How many keys wait, the one under way not among them. */
  get waitingKeys(): number {
    return this.waiting.size;
  }

  /** Takes note, unless the key was noted or tried of late, or none of the regions that lack it can take it now. */
  readonly note = (debt: RepairDebt): void => {
    const name = nameOf(debt);
    if (!this.working || this.waiting.has(name) || this.wasTried(name) || !this.isMendable(debt)) return;
    if (this.waiting.size < mostWaiting) this.waiting.set(name, debt);
    else this.dropped += 1;
    this.mailbox.next();
  };

  /** Resolves when the repair that was under way is over; unsubscribe before. */
  async settled(): Promise<void> {
    await this.underWay;
  }

  private track<T>(repair: Promise<T>): Promise<T> {
    this.underWay = repair.catch(() => undefined);
    return repair;
  }

  /** Looks again and again whether there is budget, until nothing waits any more. */
  private drain(): Observable<KeyRepair> {
    return ticks(this.clock).pipe(
      tap(() => {
        this.tellDropped();
      }),
      takeWhile(() => this.waiting.size > 0 || this.busy),
      filter(() => this.waiting.size > 0 && this.budget.mayBegin()),
      exhaustMap(() => this.repairNext()),
    );
  }

  private repairNext(): Observable<KeyRepair> {
    const [next] = this.waiting;
    if (next === undefined) return EMPTY;
    const [name, debt] = next;
    this.waiting.delete(name);
    if (!this.isMendable(debt)) return EMPTY;
    this.remember(name);
    this.busy = true;
    return observableCall((signal) => this.track(this.repair(debt, signal))).pipe(
      filter((repair) => repair !== undefined),
      catchError((cause: unknown) => {
        const { id, version } = debt;
        const failure = { kind: 'vault.request-invalid', cause } as const;
        this.telemetry.record({ event: 'key.repair-failed', id, version, left: [], failure });
        return EMPTY;
      }),
      finalize(() => {
        this.busy = false;
      }),
    );
  }

  private async repair({ id, version }: RepairDebt, signal: AbortSignal): Promise<KeyRepair | undefined> {
    const found = await this.store.read((store, bounds) => store.find(id, version, bounds), signal);
    if (found.isErr()) {
      if (!signal.aborted) {
        this.telemetry.record({ event: 'key.repair-failed', id, version, left: [], failure: found.error });
      }
      return undefined;
    }
    return found.value && this.repairing.repair(found.value, signal);
  }

  private isMendable({ lacking }: RepairDebt): boolean {
    return lacking.some((region) => !this.guide.isEjected(region));
  }

  private wasTried(name: string): boolean {
    const atMs = this.tried.get(name);
    return atMs !== undefined && this.clock.monotonicMs() - atMs < rememberedMs;
  }

  private remember(name: string): void {
    const nowMs = this.clock.monotonicMs();
    for (const [other, atMs] of this.tried) {
      if (nowMs - atMs < rememberedMs) break;
      this.tried.delete(other);
    }
    this.tried.set(name, nowMs);
  }

  private tellDropped(): void {
    const nowMs = this.clock.monotonicMs();
    if (this.dropped === 0 || nowMs - this.toldMs < tellEveryMs) return;
    this.telemetry.record({ event: 'repairs.dropped', count: this.dropped });
    this.dropped = 0;
    this.toldMs = nowMs;
  }
}

const nameOf = ({ id, version }: RepairDebt): string => `${id} ${version}`;

const ticks = (clock: Clock): Observable<void> =>
  new Observable((subscriber) => {
    let cancel = (): void => undefined;
    const next = (): void => {
      cancel = clock.schedule(tickMs, () => {
        next();
        subscriber.next();
      });
    };
    next();
    return () => {
      cancel();
    };
  });
