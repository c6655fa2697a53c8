// Which store stands behind the port KeyRepository: SQLite, DynamoDB in one region, or DynamoDB in several regions with a
// supervisor of their own. Nothing is opened before it is asked for.
import type { Container, ContainerModuleLoadOptions } from 'inversify';
import type { JsonClient } from '../../adapters/aws/json-client.js';
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { DynamoDbKeyRepository } from '../../adapters/dynamodb/dynamodb-key-repository.js';
import { openDatabase } from '../../adapters/sqlite/open-database.js';
import { SqliteKeyRepository } from '../../adapters/sqlite/sqlite-key-repository.js';
import { GuardedRegions } from '../../application/access/guarded-regions.js';
import { RegionSupervisor, type SupervisorSettings } from '../../application/regions/region-supervisor.js';
import { ReplicatedRepository } from '../../application/store/replicated-repository.js';
import { genesisProbe, StoreRegions, type StoreReplica } from '../../application/store/store-regions.js';
import { AuditLog } from '../../ports/audit-log.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { Telemetry } from '../../ports/telemetry.js';
import { token, type Token } from '../../ports/token.js';
import type { Config, DynamoDbConfig } from '../config/config.js';
import { supervisorSettings, type FailoverConfig } from '../config/schema/failover.js';
import type { StoreRegionConfig } from '../config/schema/store.js';

type Bind = ContainerModuleLoadOptions['bind'];

/** The table as it is in one region. */
export interface DynamoDbReplica extends StoreReplica {
  readonly transport: JsonClient;
}

/** Bound for a DynamoDB store: the table in every configured region, in order of preference. */
export const StoreReplicas = token<readonly DynamoDbReplica[]>('StoreReplicas');
/** Bound for a store in several regions. */
export const StoreSupervisor = token<RegionSupervisor>('StoreSupervisor');
export const GuardedStoreRegions = token<GuardedRegions>('GuardedStoreRegions');

/** The table in every configured region; none for a store that is not DynamoDB. */
export const replicasOf = (container: Container, { store }: Config): readonly DynamoDbReplica[] =>
  store.kind === 'dynamodb' && container.isBound(StoreReplicas) ? container.get(StoreReplicas) : [];

export function bindStore(bind: Bind, config: Config, aws: Token<RegionalClients>): void {
  const { store } = config;
  if (store.kind === 'sqlite') {
    bind(KeyRepository)
      .toResolvedValue(() => new SqliteKeyRepository(openDatabase(store.path)))
      .inSingletonScope()
      .onDeactivation((repository) => {
        if (repository instanceof SqliteKeyRepository) repository.close();
      });
    return;
  }
  bind(StoreReplicas)
    .toResolvedValue(
      (clients) => store.regions.map((region) => replicaOf(region, store.table, config.kms, clients)),
      [aws],
    )
    .inSingletonScope();
  if (store.mode.kind === 'single') {
    bind(KeyRepository)
      .toResolvedValue((replicas) => onlyOne(replicas).repository, [StoreReplicas])
      .inSingletonScope();
  } else {
    bindSeveralRegions(bind, config, { ...store, mode: store.mode });
  }
}

/** How long one region may take: all of them together have the time that the configuration gives the store. */
const shareOf = ({ timeout_ms, regions }: DynamoDbConfig): number => Math.floor(timeout_ms / regions.length);

type SeveralRegions = DynamoDbConfig & { readonly mode: { readonly kind: 'strong' | 'home' } };

function bindSeveralRegions(bind: Bind, { deployment, failover }: Config, store: SeveralRegions): void {
  const names = store.regions.map(({ name }) => name);
  const share = shareOf(store);
  bind(StoreSupervisor)
    .toResolvedValue(
      (replicas, clock, telemetry) =>
        new RegionSupervisor(
          names,
          genesisProbe(replicas, deployment),
          clock,
          asStoreRegions(telemetry),
          storeSupervision(failover, share),
        ),
      [StoreReplicas, Clock, Telemetry],
    )
    .inSingletonScope();
  bind(GuardedStoreRegions)
    .toResolvedValue(
      (supervisor, audit, clock) => new GuardedRegions(supervisor, audit, clock, 'store-region'),
      [StoreSupervisor, AuditLog, Clock],
    )
    .inSingletonScope();
  bind(KeyRepository)
    .toResolvedValue(
      (replicas, supervisor, clock, telemetry) => {
        const settings = { writeTimeoutMs: share };
        const regions = new StoreRegions(replicas, supervisor, clock, telemetry, settings);
        return new ReplicatedRepository(regions, store.mode);
      },
      [StoreReplicas, StoreSupervisor, Clock, Telemetry],
    )
    .inSingletonScope();
}

function onlyOne([replica]: readonly DynamoDbReplica[]): DynamoDbReplica {
  if (replica === undefined) throw new Error('a DynamoDB store without a region');
  return replica;
}

function replicaOf(
  { name, endpoint }: StoreRegionConfig,
  table: string,
  { connect_timeout_ms: connectTimeoutMs, max_sockets: maxSockets }: Config['kms'],
  clients: RegionalClients,
): DynamoDbReplica {
  const settings = { region: name, endpoint, connectTimeoutMs, maxSockets };
  const transport = clients.client('dynamodb', settings);
  return { region: name, transport, repository: new DynamoDbKeyRepository(transport, table) };
}

/** What a supervisor tells of its regions, as of regions of the store. */
const asStoreRegions = (telemetry: Telemetry): Telemetry => ({
  record: (event) => {
    if (event.event === 'region.transition') {
      telemetry.record({ ...event, event: 'store-region.transition' });
    } else if (event.event === 'vault.call') {
      telemetry.record({ ...event, event: 'store.call', operation: 'probe' });
    } else {
      telemetry.record(event);
    }
  },
});

/** As for the vaults, but within the share of the time; a second region is asked when half of it is over, at the latest. */
function storeSupervision(failover: FailoverConfig, share: number): SupervisorSettings {
  const { pace, ...others } = supervisorSettings(failover, share);
  const [maxTimeoutMs, maxHedgeMs] = [
    Math.min(pace.maxTimeoutMs, share),
    Math.min(pace.maxHedgeMs, share / 2),
  ];
  return {
    ...others,
    pace: {
      ...pace,
      maxTimeoutMs,
      minTimeoutMs: Math.min(pace.minTimeoutMs, maxTimeoutMs),
      maxHedgeMs,
      minHedgeMs: Math.min(pace.minHedgeMs, maxHedgeMs),
    },
  };
}
