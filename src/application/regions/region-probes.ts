// Probes one region: one probe at a time, when its state needs one, each with a time limit. A probe that does not
// answer, throws or emits nothing never stops the next one.
import {
  catchError,
  defer,
  exhaustMap,
  filter,
  finalize,
  interval,
  map,
  of,
  take,
  timeout,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { RegionFault } from '../../domain/failures/store-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { VaultCall } from '../../ports/telemetry.js';
import type { StallWatch } from '../resilience/stall-watch.js';
import { mayBeOurPause } from './region-attempts.js';

/** Calls a region once and emits the failure, or undefined when it answered as it should. */
export type RegionProbe = (region: Region) => Observable<RegionFault | undefined>;

export interface ProbeSettings {
  /** How often to check whether a probe is due, in milliseconds. */
  readonly tickMs: number;
  /** The time limit of one probe, in milliseconds. */
  readonly probeTimeoutMs: number;
}

export interface ProbeParts {
  readonly probe: RegionProbe;
  readonly isDue: () => boolean;
  readonly clock: Clock;
  readonly scheduler: SchedulerLike | undefined;
  readonly settings: ProbeSettings;
  /** A failure that a pause of this process may have caused is not emitted: the region is probed again. */
  readonly stalls: StallWatch;
}

const timedOut: RegionFault = { kind: 'region.unavailable', reason: 'timed-out' };

/** Emits each probe as it ends; never errors. */
export const probesOf = (region: Region, parts: ProbeParts): Observable<VaultCall> =>
  interval(parts.settings.tickMs, parts.scheduler).pipe(
    filter(parts.isDue),
    exhaustMap(() => probeOnce(region, parts)),
  );

function probeOnce(region: Region, parts: ProbeParts): Observable<VaultCall> {
  const { probe, clock, scheduler, settings, stalls } = parts;
  const silent = { first: settings.probeTimeoutMs, with: () => of(timedOut) };
  return defer(() => {
    const startedMs = stalls.begin();
    let paused: boolean | undefined;
    const wasPaused = (): boolean => (paused ??= stalls.end(startedMs));
    return defer(() => probe(region)).pipe(
      timeout(scheduler ? { ...silent, scheduler } : silent),
      take(1),
      catchError((cause: unknown) =>
        of<RegionFault>({ kind: 'region.unavailable', reason: 'unintelligible', cause }),
      ),
      filter((failure) => !(wasPaused() && failure && mayBeOurPause(failure))),
      map((failure): VaultCall => {
        const durationMs = clock.monotonicMs() - startedMs;
        const call = { event: 'vault.call', region, operation: 'probe', durationMs } as const;
        return failure ? { ...call, failure } : call;
      }),
      finalize(wasPaused),
    );
  });
}
