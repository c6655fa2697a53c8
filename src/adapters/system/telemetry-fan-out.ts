// Sends each telemetry event to several sinks. A sink that throws has a bug: the bug is reported once per sink, the other
// sinks still get the event, and the observed operation never fails.
import type { Telemetry, TelemetryEvent } from '../../ports/telemetry.js';

export class TelemetryFanOut implements Telemetry {
  private readonly broken = new Set<Telemetry>();

  /** `onBug` gets what a sink threw and the name of the event, at the sink's first failure only. */
  constructor(
    private readonly sinks: readonly Telemetry[],
    private readonly onBug: (bug: unknown, event: TelemetryEvent['event']) => void,
  ) {}

  record(event: TelemetryEvent): void {
    for (const sink of this.sinks) {
      try {
        sink.record(event);
      } catch (bug) {
        this.report(sink, bug, event);
      }
    }
  }

  private report(sink: Telemetry, bug: unknown, { event }: TelemetryEvent): void {
    if (this.broken.has(sink)) return;
    this.broken.add(sink);
    this.onBug(bug, event);
  }
}
