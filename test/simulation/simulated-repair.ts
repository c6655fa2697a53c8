// Background repair, `rkms repair` and `rkms verify` of one process, wired as the service and its commands wire them.
import { RetryingCalls } from '../../src/application/maintenance/retrying-calls.js';
import { RecordChanges } from '../../src/application/maintenance/record-changes.js';
import { RegionCalls } from '../../src/application/regions/region-calls.js';
import type { RegionSelector } from '../../src/application/regions/region-selector.js';
import { RepairBudget } from '../../src/application/maintenance/repair-budget.js';
import { RepairKey } from '../../src/application/maintenance/repair-key.js';
import { RepairQueue } from '../../src/application/maintenance/repair-queue.js';
import { StoreCalls } from '../../src/application/store/store-calls.js';
import { UnwrapInAnyRegion } from '../../src/application/keys/unwrap-in-any-region.js';
import { VerifyKey } from '../../src/application/maintenance/verify-key.js';
import { Scan, storedKeys } from '../../src/application/maintenance/scan-keys.js';
import type { Deployment, KeyId, Region } from '../../src/domain/ids.js';
import type { AuditLog } from '../../src/ports/audit-log.js';
import type { Clock } from '../../src/ports/clock.js';
import type { KeyRepository, PageEntry } from '../../src/ports/key-repository.js';
import type { KeyVault } from '../../src/ports/key-vault.js';
import { callerId } from '../support/names.js';

export interface RepairMeans {
  readonly vaults: readonly KeyVault[];
  readonly store: KeyRepository;
  readonly guide: RegionSelector;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly deployment: Deployment;
  readonly quorum: number;
}

const telemetry = { record: (): void => undefined };
const pauses = { minPauseMs: 50, maxPauseMs: 200 };

const regionsOf = (vaults: readonly KeyVault[]): readonly Region[] => vaults.map(({ region }) => region);

/** The background queue; the process starts and stops it. */
export function repairQueue(means: RepairMeans, onRepaired: (id: KeyId) => void): RepairQueue {
  const { vaults, store, guide, clock } = means;
  const budget = new RepairBudget(regionsOf(vaults), clock);
  const settings = { ...pauses, onCall: budget.spend };
  const calls = new RegionCalls(vaults, guide, clock, telemetry, settings);
  const storeCalls = new StoreCalls(store, clock, telemetry, { storeTimeoutMs: 500 });
  return new RepairQueue(
    storeCalls,
    repairKey(means, storeCalls, calls, calls, false),
    guide,
    budget,
    clock,
    telemetry,
    onRepaired,
  );
}

/** `rkms repair`, over all records. */
export function repairAll(means: RepairMeans, dropRemoved: boolean, signal: AbortSignal): Promise<unknown> {
  const { vaults, store, guide, clock } = means;
  const storeCalls = new StoreCalls(store, clock, telemetry, { storeTimeoutMs: 1_000 });
  const calls = new RegionCalls(vaults, guide, clock, telemetry, pauses);
  const repairing = repairKey(means, storeCalls, calls, new RetryingCalls(calls, clock), dropRemoved);
  return scan(storeCalls, clock, signal, async ({ record }) => {
    if (record.isOk()) await repairing.repair(record.value, signal);
  });
}

/** `rkms verify`, over all records. */
export function verifyAll(means: RepairMeans, signal: AbortSignal): Promise<unknown> {
  const { vaults, store, guide, clock, deployment } = means;
  const storeCalls = new StoreCalls(store, clock, telemetry, { storeTimeoutMs: 1_000 });
  const calls = new RetryingCalls(new RegionCalls(vaults, guide, clock, telemetry, pauses), clock);
  const verifying = new VerifyKey(vaults, calls, deployment);
  return scan(storeCalls, clock, signal, async ({ record }) => {
    if (record.isOk()) await verifying.check(record.value, signal);
  });
}

function scan(
  store: StoreCalls,
  clock: Clock,
  signal: AbortSignal,
  visit: (entry: PageEntry) => Promise<void>,
): Promise<unknown> {
  return new Scan(storedKeys(store), clock, { concurrency: 2, share: 1 }).run(visit, signal);
}

function repairKey(
  { vaults, guide, audit, clock, deployment, quorum }: RepairMeans,
  store: StoreCalls,
  regions: RegionCalls,
  calls: Pick<RegionCalls, 'call'>,
  dropRemoved: boolean,
): RepairKey {
  const author = { caller: callerId('repair'), method: 'command', requestId: 'repair' };
  const changes = new RecordChanges(store, audit, clock, author);
  const verifying = new VerifyKey(vaults, calls, deployment);
  const unwrapping = new UnwrapInAnyRegion(regions, deployment);
  const parts = { vaults, calls, guide, verifying, unwrapping, changes, telemetry };
  return new RepairKey(parts, { deployment, quorum, dropRemoved, dryRun: false });
}
