// Binds what verifies and repairs keys: the background queue of a serving process, whose calls are limited by a
// budget, and the services of the commands that scan the whole store, whose calls are retried instead.
import { ContainerModule, type ContainerModuleLoadOptions } from 'inversify';
import { RetryingCalls } from '../../application/maintenance/retrying-calls.js';
import { RecordChanges } from '../../application/maintenance/record-changes.js';
import { RegionCalls, type RegionCallSettings } from '../../application/regions/region-calls.js';
import { RegionSelector } from '../../application/regions/region-selector.js';
import { RepairBudget } from '../../application/maintenance/repair-budget.js';
import { RepairKey, type RepairSettings } from '../../application/maintenance/repair-key.js';
import { RepairQueue } from '../../application/maintenance/repair-queue.js';
import type { RecordCache } from '../../application/store/record-cache.js';
import { StoreCalls } from '../../application/store/store-calls.js';
import { UnwrapInAnyRegion } from '../../application/keys/unwrap-in-any-region.js';
import { VerifyKey } from '../../application/maintenance/verify-key.js';
import { parseCallerId } from '../../domain/ids.js';
import { AuditLog, type ChangeAuthor } from '../../ports/audit-log.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { KeyVaults } from '../../ports/key-vault.js';
import { Telemetry } from '../../ports/telemetry.js';
import { token } from '../../ports/token.js';
import { regionsOf, type Config } from '../config/config.js';

type Bind = ContainerModuleLoadOptions['bind'];

/** `GET /key` pays into it with every call to a region; the repair queue spends from it. */
export const RepairBudgetService = token<RepairBudget>('RepairBudget');
/** The records of keys that were opened; bound with what answers requests. */
export const RecordCacheService = token<RecordCache>('RecordCache');
export const RepairQueueService = token<RepairQueue>('RepairQueue');
/** Store calls of scans, with a time limit for pages. */
export const StoreCallsService = token<StoreCalls>('StoreCalls');
/** Calls of scans to regions, with retries; they skip a region that is down. */
export const RetryingCallsService = token<RetryingCalls>('RetryingCalls');
export const VerifyKeyService = token<VerifyKey>('VerifyKey');
export const RepairKeyService = token<RepairKey>('RepairKey');

/** Calls of scans to regions, without retries. */
const ScanCallsService = token<RegionCalls>('ScanCalls');

/** Far above a usual page read: no request waits for it, and a page may hold many large records. */
const scanStoreTimeoutMs = 10_000;

/** Binds the queue that repairs keys that reads found incomplete. */
export function bindRepairQueue(bind: Bind, config: Config): void {
  const { deployment } = config;
  bind(RepairBudgetService)
    .toResolvedValue((clock) => new RepairBudget(regionsOf(config), clock), [Clock])
    .inSingletonScope();
  bind(RepairQueueService)
    .toResolvedValue(
      (repository, vaults, guide, budget, audit, clock, telemetry, records) => {
        const store = new StoreCalls(repository, clock, telemetry, {
          storeTimeoutMs: config.store.timeout_ms,
          repeats: true,
        });
        // No retries here: an attempt that fails is repeated when the next read queues the key again.
        const settings = { ...pausesOf(config), onCall: budget.spend };
        const calls = new RegionCalls(vaults, guide, clock, telemetry, settings);
        const verifying = new VerifyKey(vaults, calls, deployment, (region) => guide.isEjected(region));
        const unwrapping = new UnwrapInAnyRegion(calls, deployment);
        const changes = new RecordChanges(store, audit, clock, ownAuthor());
        const parts = { vaults, calls, guide, verifying, unwrapping, changes, telemetry };
        const choices = { dropRemoved: false, dryRun: false };
        const repairing = new RepairKey(parts, { deployment, quorum: config.keys.quorum, ...choices });
        return new RepairQueue(store, repairing, guide, budget, clock, telemetry, (id) => {
          records.refresh(id);
        });
      },
      [
        KeyRepository,
        KeyVaults,
        RegionSelector,
        RepairBudgetService,
        AuditLog,
        Clock,
        Telemetry,
        RecordCacheService,
      ],
    )
    .inSingletonScope();
}

/** Binds what the scanning commands need; the audit log names `author`. */
export const bindMaintenance = (
  config: Config,
  author: ChangeAuthor,
  choices: Pick<RepairSettings, 'dropRemoved' | 'dryRun'> = { dropRemoved: false, dryRun: true },
): ContainerModule =>
  new ContainerModule(({ bind }) => {
    const { deployment } = config;
    bind(StoreCallsService)
      .toResolvedValue(
        (repository, clock, telemetry) =>
          new StoreCalls(repository, clock, telemetry, { storeTimeoutMs: scanStoreTimeoutMs }),
        [KeyRepository, Clock, Telemetry],
      )
      .inSingletonScope();
    bind(ScanCallsService)
      .toResolvedValue(
        (vaults, guide, clock, telemetry) =>
          new RegionCalls(vaults, guide, clock, telemetry, pausesOf(config)),
        [KeyVaults, RegionSelector, Clock, Telemetry],
      )
      .inSingletonScope();
    bind(RetryingCallsService)
      .toResolvedValue((calls, clock) => new RetryingCalls(calls, clock), [ScanCallsService, Clock])
      .inSingletonScope();
    bind(VerifyKeyService)
      .toResolvedValue(
        (vaults, calls) => new VerifyKey(vaults, calls, deployment),
        [KeyVaults, RetryingCallsService],
      )
      .inSingletonScope();
    bind(RepairKeyService)
      .toResolvedValue(
        (store, vaults, guide, regions, calls, verifying, audit, clock, telemetry) => {
          // Opening a key already tries all regions, so it needs no retries.
          const unwrapping = new UnwrapInAnyRegion(regions, deployment);
          const changes = new RecordChanges(store, audit, clock, author);
          const parts = { vaults, calls, guide, verifying, unwrapping, changes, telemetry };
          return new RepairKey(parts, { deployment, quorum: config.keys.quorum, ...choices });
        },
        [
          StoreCallsService,
          KeyVaults,
          RegionSelector,
          ScanCallsService,
          RetryingCallsService,
          VerifyKeyService,
          AuditLog,
          Clock,
          Telemetry,
        ],
      )
      .inSingletonScope();
  });

/** Random pauses before a second pass over the regions. */
const pausesOf = ({ failover }: Config): RegionCallSettings => ({
  minPauseMs: failover.min_pause_ms,
  maxPauseMs: failover.max_pause_ms,
  minProofMs: failover.max_timeout_ms,
});

/** The author of the changes that the service makes by itself. */
function ownAuthor(): ChangeAuthor {
  const caller = parseCallerId('rkms');
  if (caller.isErr()) throw new Error('"rkms" is not a caller id');
  return { caller: caller.value, method: 'background-repair', requestId: 'background-repair' };
}
