// One event, several watchers: each is told, whatever becomes of the others.
import { expect, it } from '@jest/globals';
import { TelemetryFanOut } from '../../../src/adapters/system/telemetry-fan-out.js';
import type { Telemetry, TelemetryEvent } from '../../../src/ports/telemetry.js';
import { RecordingTelemetry } from '../../support/recording-telemetry.js';

const event: TelemetryEvent = { event: 'single-flight.joined' };

it('every watcher is told of everything, in order', () => {
  const watchers = [new RecordingTelemetry(), new RecordingTelemetry()];
  const fanOut = new TelemetryFanOut(watchers, () => undefined);
  const dropped: TelemetryEvent = { event: 'repairs.dropped', count: 1 };
  fanOut.record(event);
  fanOut.record(dropped);
  expect(watchers.map(({ events }) => events)).toEqual([
    [event, dropped],
    [event, dropped],
  ]);
});

it('a watcher that throws harms nobody, neither the others nor what is observed; it is reported once', () => {
  const bug = new Error('broken');
  const broken: Telemetry = {
    record: () => {
      throw bug;
    },
  };
  const well = new RecordingTelemetry();
  const reported: unknown[] = [];
  const fanOut = new TelemetryFanOut([broken, well], (...told) => reported.push(told));
  fanOut.record(event);
  fanOut.record(event);
  expect(well.events).toEqual([event, event]);
  expect(reported).toEqual([[bug, 'single-flight.joined']]);
});
