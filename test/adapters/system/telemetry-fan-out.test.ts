// One event, several sinks: each gets it, even when another one throws.
import { expect, it } from '@jest/globals';
import { TelemetryFanOut } from '../../../src/adapters/system/telemetry-fan-out.js';
import type { Telemetry, TelemetryEvent } from '../../../src/ports/telemetry.js';
import { RecordingTelemetry } from '../../support/recording-telemetry.js';

const event: TelemetryEvent = { event: 'single-flight.joined' };

it('every sink gets every event, in order', () => {
  const sinks = [new RecordingTelemetry(), new RecordingTelemetry()];
  const fanOut = new TelemetryFanOut(sinks, () => undefined);
  const dropped: TelemetryEvent = { event: 'repairs.dropped', count: 1 };
  fanOut.record(event);
  fanOut.record(dropped);
  expect(sinks.map(({ events }) => events)).toEqual([
    [event, dropped],
    [event, dropped],
  ]);
});

it('a sink that throws is reported once, and affects neither the other sinks nor the caller', () => {
  const bug = new Error('broken');
  const broken: Telemetry = {
    record: () => {
      throw bug;
    },
  };
  const working = new RecordingTelemetry();
  const reported: unknown[] = [];
  const fanOut = new TelemetryFanOut([broken, working], (...report) => reported.push(report));
  fanOut.record(event);
  fanOut.record(event);
  expect(working.events).toEqual([event, event]);
  expect(reported).toEqual([[bug, 'single-flight.joined']]);
});
