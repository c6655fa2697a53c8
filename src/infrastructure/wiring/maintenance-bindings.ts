// Binds what verifies and repairs keys: the background queue of a serving process, whose calls are limited by a budget, and
// the services of the commands that scan the whole store, whose calls are retried instead.
import { ContainerModule, type ContainerModuleLoadOptions } from 'inversify';
import { RetryingCalls } from '../../application/maintenance/retrying-calls.js';
import { RecordChanges } from '../../application/maintenance/record-changes.js';
import { RegionCalls } from '../../application/regions/region-calls.js';
import { RegionSelector } from '../../application/regions/region-selector.js';
import { RepairBudget } from '../../application/maintenance/repair-budget.js';
import { RepairKey, type RepairSettings } from '../../application/maintenance/repair-key.js';
import { RepairQueue } from '../../application/maintenance/repair-queue.js';
import { StoreCalls } from '../../application/store/store-calls.js';
import { UnwrapInAnyRegion } from '../../application/keys/unwrap-in-any-region.js';
import { VerifyKey } from '../../application/maintenance/verify-key.js';
import { parseCallerId, type CallerId, type Region } from '../../domain/ids.js';
import { AuditLog, type ChangeAuthor } from '../../ports/audit-log.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { KeyVaults, type KeyVault } from '../../ports/key-vault.js';
import { Telemetry } from '../../ports/telemetry.js';
import { token } from '../../ports/token.js';
import { regionsOf, type Config } from '../config/config.js';

type Bind = ContainerModuleLoadOptions['bind'];

export const RepairBudgetService = token<RepairBudget>('RepairBudget');
export const RepairQueueService = token<RepairQueue>('RepairQueue');
export const VerifyKeyService = token<VerifyKey>('VerifyKey');
export const RepairKeyService = token<RepairKey>('RepairKey');
export const StoreCallsService = token<StoreCalls>('StoreCalls');

/** Binds the queue that repairs keys that reads found incomplete. */
export function bindRepairQueue(bind: Bind, config: Config): void {
  bind(RepairBudgetService)
    .toResolvedValue((clock) => new RepairBudget(regionsOf(config), clock), [Clock])
    .inSingletonScope();
  bind(RepairQueueService)
    .toResolvedValue(
      (repository, vaults, guide, budget, audit, clock, telemetry) => {
        const store = new StoreCalls(repository, clock, telemetry, {
          storeTimeoutMs: config.store.timeout_ms,
        });
        const regions = regionCalls(vaults, guide, clock, telemetry, config, budget.spend);
        const changes = new RecordChanges(store, audit, clock, ownAuthor());
        const parts = { vaults, regions, calls: regions, guide, changes, telemetry };
        const repairing = repairKey(parts, settingsOf(config, { dropRemoved: false, dryRun: false }));
        return new RepairQueue(store, repairing, guide, budget, clock, telemetry);
      },
      [KeyRepository, KeyVaults, RegionSelector, RepairBudgetService, AuditLog, Clock, Telemetry],
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
    bind(StoreCallsService)
      .toResolvedValue(
        (repository, clock, telemetry) =>
          new StoreCalls(repository, clock, telemetry, { storeTimeoutMs: scanStoreTimeoutMs }),
        [KeyRepository, Clock, Telemetry],
      )
      .inSingletonScope();
    bind(VerifyKeyService)
      .toResolvedValue(
        (vaults, guide, clock, telemetry) => {
          const calls = new RetryingCalls(regionCalls(vaults, guide, clock, telemetry, config), clock);
          return new VerifyKey(vaults, calls, config.deployment);
        },
        [KeyVaults, RegionSelector, Clock, Telemetry],
      )
      .inSingletonScope();
    bind(RepairKeyService)
      .toResolvedValue(
        (store, vaults, guide, audit, clock, telemetry) => {
          const regions = regionCalls(vaults, guide, clock, telemetry, config);
          const changes = new RecordChanges(store, audit, clock, author);
          const calls = new RetryingCalls(regions, clock);
          const parts = { vaults, regions, calls, guide, changes, telemetry };
          return repairKey(parts, settingsOf(config, choices));
        },
        [StoreCallsService, KeyVaults, RegionSelector, AuditLog, Clock, Telemetry],
      )
      .inSingletonScope();
  });

/** Far above a usual page read: no request waits for it, and a page may hold many large records. */
const scanStoreTimeoutMs = 10_000;

interface RepairParts {
  readonly vaults: readonly KeyVault[];
  readonly regions: RegionCalls;
  readonly calls: Pick<RegionCalls, 'call'>;
  readonly guide: RegionSelector;
  readonly changes: RecordChanges;
  readonly telemetry: Telemetry;
}

function repairKey(
  { vaults, regions, calls, guide, changes, telemetry }: RepairParts,
  settings: RepairSettings,
): RepairKey {
  const { deployment } = settings;
  const verifying = new VerifyKey(vaults, calls, deployment);
  const unwrapping = new UnwrapInAnyRegion(regions, deployment);
  const parts = { vaults, calls, guide, verifying, unwrapping, changes, telemetry };
  return new RepairKey(parts, settings);
}

const regionCalls = (
  vaults: readonly KeyVault[],
  guide: RegionSelector,
  clock: Clock,
  telemetry: Telemetry,
  { failover }: Config,
  onCall?: (region: Region) => void,
): RegionCalls =>
  new RegionCalls(vaults, guide, clock, telemetry, {
    minPauseMs: failover.min_pause_ms,
    maxPauseMs: failover.max_pause_ms,
    ...(onCall && { onCall }),
  });

const settingsOf = (
  { deployment, keys }: Config,
  choices: Pick<RepairSettings, 'dropRemoved' | 'dryRun'>,
): RepairSettings => ({ deployment, quorum: keys.quorum, ...choices });

/** The author of the changes that the service makes by itself. */
const ownAuthor = (): ChangeAuthor => ({
  caller: callerOf('rkms'),
  method: 'background-repair',
  requestId: 'background-repair',
});

function callerOf(name: string): CallerId {
  const caller = parseCallerId(name);
  if (caller.isErr()) throw new Error(`not a caller id: ${name}`);
  return caller.value;
}
