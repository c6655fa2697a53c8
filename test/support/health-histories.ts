// Any life that a region may have had: for promises about every state that can be reached.
import fc from 'fast-check';
import type { MisconfigurationReason, VaultFailure } from '../../src/domain/failures/region-failures.js';
import { step } from '../../src/domain/regions/region-health.js';
import {
  defaultHealthSettings,
  newRegionHealth,
  type HealthEvent,
  type LiveEvent,
  type OperatorEvent,
  type RegionHealth,
} from '../../src/domain/regions/region-state.js';
import { vaultFailureKinds, vaultFailures } from './vault-failures.js';

const reasons: readonly MisconfigurationReason[] = ['disabled', 'pending-deletion', 'access-denied'];
const failures: fc.Arbitrary<VaultFailure> = fc.oneof(
  fc.constantFrom(...vaultFailureKinds).map((kind) => vaultFailures[kind]),
  fc.constantFrom(...reasons).map((reason): VaultFailure => ({ kind: 'vault.misconfigured', reason })),
);
const atMs = fc.constant(0);

const failureEvents: fc.Arbitrary<LiveEvent> = fc
  .record({
    kind: fc.constantFrom('failed' as const, 'probe-failed' as const),
    atMs,
    failure: failures,
    chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    id: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
  })
  .map(({ id, ...event }) => (id === undefined ? event : { ...event, id }));

const speed = fc.constantFrom('fast' as const, 'slow' as const, 'late' as const);
const plainEvents: fc.Arbitrary<LiveEvent> = fc.oneof(
  fc.record({ kind: fc.constantFrom('tick' as const, 'slowed' as const, 'sped-up' as const), atMs }),
  fc.record({ kind: fc.constant('answered' as const), atMs, speed }),
);

const rightProbes: fc.Arbitrary<LiveEvent> = fc.record({
  kind: fc.constant('probe-answered' as const),
  atMs,
  speed,
});

const operatorEvents: fc.Arbitrary<OperatorEvent> = fc.record({
  kind: fc.constantFrom('drain' as const, 'undrain' as const, 'lift-quarantine' as const),
  atMs,
});

/** Events at time 0; whoever uses them says when they happen. */
export const liveEvents: fc.Arbitrary<LiveEvent> = fc.oneof(
  { weight: 3, arbitrary: plainEvents },
  { weight: 2, arbitrary: rightProbes },
  { weight: 4, arbitrary: failureEvents },
);
export const healthEvents: fc.Arbitrary<HealthEvent> = fc.oneof(
  { weight: 8, arbitrary: liveEvents },
  { weight: 1, arbitrary: operatorEvents },
);

export interface HealthHistory {
  readonly health: RegionHealth;
  /** When the last event happened. */
  readonly atMs: number;
}

/** What any events, at times that never go back, make of a new region. */
export const healthHistories = (): fc.Arbitrary<HealthHistory> =>
  fc
    .array(fc.record({ event: healthEvents, afterMs: fc.oneof(fc.nat(200), fc.nat(20_000)) }), {
      maxLength: 60,
    })
    .map((moves) =>
      moves.reduce<HealthHistory>(
        (history, { event, afterMs }) => {
          const now = history.atMs + afterMs;
          return { health: step(defaultHealthSettings)(history.health, { ...event, atMs: now }), atMs: now };
        },
        { health: newRegionHealth(0, defaultHealthSettings), atMs: 0 },
      ),
    );
