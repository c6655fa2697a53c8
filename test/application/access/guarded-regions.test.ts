// No report of the regions without permission, and no order without its audit entry.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { of, VirtualTimeScheduler, type Subscription } from 'rxjs';
import { GuardedRegions } from '../../../src/application/access/guarded-regions.js';
import { RegionSupervisor, type OperatorOrder } from '../../../src/application/regions/region-supervisor.js';
import { callerWith } from '../../support/callers.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { RecordingAuditLog } from '../../support/recording-audit-log.js';
import { RecordingTelemetry } from '../../support/recording-telemetry.js';
import { dublin, frankfurt, inShort, settings, stockholm } from '../../support/supervised-regions.js';

const denied = { kind: 'access.denied', permission: 'operate' } as const;
const operator = callerWith(['operate'], {}, 'ops');
const stranger = callerWith(['read', 'create'], {}, 'ops');

let clock: ManualClock;
let audit: RecordingAuditLog;
let supervisor: RegionSupervisor;
let guarded: GuardedRegions;
let working: Subscription;
beforeEach(() => {
  clock = new ManualClock();
  audit = new RecordingAuditLog();
  const regions = [frankfurt, dublin, stockholm];
  const time = new VirtualTimeScheduler();
  const telemetry = new RecordingTelemetry();
  supervisor = new RegionSupervisor(regions, () => of(undefined), clock, telemetry, settings, time);
  guarded = new GuardedRegions(supervisor, audit, clock);
  working = supervisor.order$.subscribe();
});
afterEach(() => {
  working.unsubscribe();
});

const order = async (what: OperatorOrder, caller = operator): Promise<unknown> => {
  const done = await guarded.command({ caller, requestId: 'r-1', region: frankfurt, order: what });
  return done.map((regions) => regions.map(({ region, state }) => `${region} ${state.kind}`));
};
const inOrder = (): string => inShort(supervisor.snapshot().map(({ region }) => region));
const line = (what: OperatorOrder, outcome: string): unknown => ({
  timeMs: ManualClock.startMs,
  requestId: 'r-1',
  caller: 'ops',
  method: 'token',
  outcome,
  action: `region.${what}`,
  region: frankfurt,
});

describe('the regions of the store', () => {
  it('have lines of their own in the audit log', async () => {
    const ofStore = new GuardedRegions(supervisor, audit, clock, 'store-region');
    await ofStore.command({ caller: operator, requestId: 'r-1', region: frankfurt, order: 'drain' });
    expect(audit.entries).toMatchObject([
      { action: 'store-region.drain', region: frankfurt, outcome: 'done' },
    ]);
  });
});

describe('looking at the regions', () => {
  it('shows an operator what the supervisor knows', () => {
    expect(guarded.report(operator)).toStrictEqual(ok(supervisor.snapshot()));
  });

  it('is denied to all others', () => {
    expect(guarded.report(stranger)).toStrictEqual(err(denied));
  });
});

describe('watching the regions', () => {
  it('reports them to an operator whenever their order changes, until it is stopped', () => {
    const told: string[] = [];
    const watching = guarded.watch(operator, (regions) => {
      told.push(regions.map(({ region, state }) => `${region} ${state.kind}`).join());
    });
    supervisor.command(frankfurt, 'drain');
    supervisor.command(frankfurt, 'drain');
    supervisor.command(dublin, 'drain');
    watching._unsafeUnwrap()();
    supervisor.command(stockholm, 'drain');
    expect(told).toStrictEqual([
      'eu-west-1 healthy,eu-north-1 healthy,eu-central-1 drained',
      'eu-north-1 healthy,eu-central-1 drained,eu-west-1 drained',
    ]);
  });

  it('is denied to all others, who get no report', () => {
    const told: unknown[] = [];
    expect(guarded.watch(stranger, (regions) => told.push(regions))).toStrictEqual(err(denied));
    supervisor.command(frankfurt, 'drain');
    expect(told).toStrictEqual([]);
  });
});

describe('an order', () => {
  it.each([
    ['drain', 'drained'],
    ['undrain', 'healthy'],
    ['lift-quarantine', 'healthy'],
  ] as const)('of an operator to %s is carried out, and leaves a line', async (what, state) => {
    const regions = ['eu-central-1', 'eu-west-1', 'eu-north-1'].map(
      (name) => `${name} ${name === 'eu-central-1' ? state : 'healthy'}`,
    );
    const [first, ...rest] = regions;
    expect(await order(what)).toStrictEqual(ok(state === 'drained' ? [...rest, first] : regions));
    expect(audit.entries).toStrictEqual([line(what, 'done')]);
  });

  it('waits until its line is kept', async () => {
    audit.mode = 'hold';
    const done = order('drain');
    await settle();
    expect([audit.entries.length, inOrder()]).toStrictEqual([1, 'FDS']);
    audit.release();
    await done;
    expect(inOrder()).toBe('DSF');
  });

  it('whose line cannot be kept is not carried out', async () => {
    audit.mode = 'fail';
    expect(await order('drain')).toStrictEqual(err({ kind: 'audit.unavailable' }));
    expect(inOrder()).toBe('FDS');
  });

  it('whose line takes too long to keep is not carried out, not even when the line comes through later', async () => {
    audit.mode = 'hold';
    const done = order('drain');
    await clock.advance(2_000);
    expect(await done).toStrictEqual(err({ kind: 'audit.unavailable', cause: 'timed out' }));
    audit.release();
    await settle();
    expect([inOrder(), clock.pending]).toStrictEqual(['FDS', 0]);
  });

  it('of any other caller is denied and audited', async () => {
    expect(await order('drain', stranger)).toStrictEqual(err(denied));
    expect([audit.entries, inOrder()]).toStrictEqual([[line('drain', 'access.denied')], 'FDS']);
  });
});
