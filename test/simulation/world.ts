// Virtual time and the order of events. Everything in flight outside the application waits here as an event; the seed decides
// which one is next, and when time jumps to the next timer. Nothing here waits for real time or does real I/O.
import { Random, scatter } from './random.js';

interface Happening {
  readonly what: string;
  readonly happen: () => void;
}

interface Timer extends Happening {
  readonly dueMs: number;
}

/** Lets the application run until it waits for the world again: all microtasks end before the next immediate. */
const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export class World {
  static readonly startMs = Date.UTC(2030, 0, 1);
  nowMs = 0;
  steps = 0;
  /** The history as text; recorded on request. */
  readonly recorded: string[] | undefined;
  /** The probability that time jumps to the next timer while other events are pending. */
  haste: number;
  private readonly happenings: Happening[] = [];
  private readonly timers = new Set<Timer>();
  private hash = 0;

  constructor(
    private readonly random: Random,
    settings: { readonly haste: number; readonly record: boolean },
  ) {
    this.haste = settings.haste;
    this.recorded = settings.record ? [] : undefined;
  }

  /** Equal for two identical runs. */
  get fingerprint(): string {
    return `${this.steps}-${this.hash.toString(16)}-${this.nowMs}`;
  }

  /** Adds an event that happens at some point, in any order with the other pending events. */
  soon(what: string, happen: () => void): void {
    this.happenings.push({ what, happen });
  }

  /** Adds a timer. Returns the function that cancels it. */
  after(delayMs: number, what: string, happen: () => void): () => void {
    const timer = { dueMs: this.nowMs + Math.max(0, delayMs), what, happen };
    this.timers.add(timer);
    return () => {
      this.timers.delete(timer);
    };
  }

  /** Adds a fact to the history. */
  note(what: string): void {
    for (let at = 0; at < what.length; at += 1)
      this.hash = (Math.imul(this.hash, 31) + what.charCodeAt(at)) | 0;
    this.hash = scatter(this.hash ^ this.steps);
    this.recorded?.push(
      `${String(this.steps).padStart(4)} ${String(Math.round(this.nowMs)).padStart(6)} ms  ${what}`,
    );
  }

  /** Runs one event after another until none is left, `isOver` holds, or `maxSteps` were run. */
  async run(maxSteps: number, isOver: () => boolean = () => false): Promise<'quiet' | 'over' | 'endless'> {
    await settled();
    for (let step = 0; step < maxSteps; step += 1) {
      if (isOver()) return 'over';
      const next = this.take();
      if (next === undefined) return 'quiet';
      this.steps += 1;
      this.note(next.what);
      next.happen();
      await settled();
    }
    return 'endless';
  }

  private take(): Happening | undefined {
    const timer = this.nextTimer();
    const jumps = timer !== undefined && (this.happenings.length === 0 || this.random.chance(this.haste));
    if (jumps) {
      this.timers.delete(timer);
      this.nowMs = Math.max(this.nowMs, timer.dueMs);
      return timer;
    }
    const at = this.random.below(this.happenings.length);
    const taken = this.happenings[at];
    const last = this.happenings.pop();
    if (last !== undefined && at < this.happenings.length) this.happenings[at] = last;
    // Events take time, but no timer is skipped.
    this.nowMs = Math.min(this.nowMs + this.random.below(12), timer?.dueMs ?? Infinity);
    return taken;
  }

  private nextTimer(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers) if (next === undefined || timer.dueMs < next.dueMs) next = timer;
    return next;
  }
}
