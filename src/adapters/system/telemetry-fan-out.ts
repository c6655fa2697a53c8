// One telemetry for several watchers: each is told of everything, whatever becomes of the others. Observing never fails: what
// a watcher throws is a bug, which is reported, once per watcher, and goes no further.
import type { Telemetry, TelemetryEvent } from '../../ports/telemetry.js';

export class TelemetryFanOut implements Telemetry {
  private readonly broken = new Set<Telemetry>();

  constructor(
    private readonly watchers: readonly Telemetry[],
    private readonly onBug: (bug: unknown, event: TelemetryEvent['event']) => void,
  ) {}

  record(event: TelemetryEvent): void {
    for (const watcher of this.watchers) {
      try {
        watcher.record(event);
      } catch (bug) {
        this.report(watcher, bug, event);
      }
    }
  }

  private report(watcher: Telemetry, bug: unknown, { event }: TelemetryEvent): void {
    if (this.broken.has(watcher)) return;
    this.broken.add(watcher);
    this.onBug(bug, event);
  }
}
