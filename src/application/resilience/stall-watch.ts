// Notices when this process was paused: a blocked event loop, a suspended process, a long garbage collection. A region
// must not be judged by what was observed then, because its answer may have arrived without being read. Costs one
// timer while calls are in flight, and none otherwise.
import type { StallAwareClock } from '../../domain/stall-aware-timer.js';

/** How often the timer fires, in milliseconds. */
const beatMs = 50;
/** A beat that is this late (ms) means a pause: far above the inexactness of timers, far below an attempt's time limit. */
const toleratedLatenessMs = 30;

export class StallWatch {
  private inFlight = 0;
  private dueMs = Infinity;
  private pausedAtMs = -Infinity;
  private cancel: () => void = () => undefined;

  constructor(private readonly clock: Pick<StallAwareClock, 'monotonicMs' | 'schedule'>) {}

  /** A call begins. Returns the time, for `end`, which must be called exactly once. */
  begin(): number {
    const startedMs = this.clock.monotonicMs();
    if (this.inFlight === 0) this.scheduleBeat();
    this.inFlight += 1;
    return startedMs;
  }

  /** The call ends. Whether this process was paused since it began. */
  end(startedMs: number): boolean {
    // Data that arrived during a pause is read before the late timer fires, so the beat is checked here, too.
    this.check();
    this.inFlight -= 1;
    if (this.inFlight === 0) this.cancel();
    return this.pausedAtMs >= startedMs;
  }

  private scheduleBeat(): void {
    this.dueMs = this.clock.monotonicMs() + beatMs;
    this.cancel = this.clock.schedule(beatMs, () => {
      this.check();
      this.scheduleBeat();
    });
  }

  private check(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.dueMs > toleratedLatenessMs) this.pausedAtMs = nowMs;
  }
}
