// Keeps what was observed, for tests to look at.
import type { Telemetry, TelemetryEvent, VaultCall } from '../../src/ports/telemetry.js';

export class RecordingTelemetry implements Telemetry {
  readonly events: TelemetryEvent[] = [];

  record(event: TelemetryEvent): void {
    this.events.push(event);
  }

  /** The calls to vaults alone. */
  get vaultCalls(): readonly VaultCall[] {
    return this.events.filter((event): event is VaultCall => event.event === 'vault.call');
  }

  /** Everything but the calls to vaults. */
  get milestones(): readonly TelemetryEvent[] {
    return this.events.filter(({ event }) => event !== 'vault.call');
  }
}
