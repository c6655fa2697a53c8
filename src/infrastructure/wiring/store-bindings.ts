// Which store implements the port KeyRepository: SQLite, or DynamoDB in one or several regions with their own supervisor. Opens nothing: a database is opened when the repository is first requested.
import type { Container, ContainerModuleLoadOptions } from 'inversify';
import type { JsonClient } from '../../adapters/aws/json-client.js';
import type { AwsConnectionSettings, RegionalClients } from '../../adapters/aws/regional-clients.js';
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
import { Peers } from '../../ports/peers.js';
import { Telemetry } from '../../ports/telemetry.js';
import { token, type Token } from '../../ports/token.js';
import type { Config, DynamoDbConfig, SqliteConfig } from '../config/config.js';
import { connectionTo } from './aws-connection.js';
import { supervisorSettings, type FailoverConfig } from '../config/schema/failover.js';
import type { StoreRegionConfig } from '../config/schema/store.js';

type Bind = ContainerModuleLoadOptions['bind'];

/** Waits for the file's lock for three quarters of the time limit of a call, so that it can still say that it failed. */
const sqliteRepository = ({ path, timeout_ms }: SqliteConfig): SqliteKeyRepository =>
  new SqliteKeyRepository(openDatabase(path), { path, busyLimitMs: (timeout_ms * 3) / 4 });

/** The table in one region, and the client that calls it. */
export interface DynamoDbReplica extends StoreReplica {
  readonly connection: AwsConnectionSettings;
  readonly transport: JsonClient;
}

/** The store that the configuration names. `KeyRepository` is the same object, unless an architect bound another one. */
export const ConfiguredRepository = token<KeyRepository>('ConfiguredRepository');
/** Bound for a DynamoDB store: the table in every configured region, in order of preference. */
export const StoreReplicas = token<readonly DynamoDbReplica[]>('StoreReplicas');
/** Bound for a DynamoDB store, like `GuardedStoreRegions`. */
export const StoreSupervisor = token<RegionSupervisor>('StoreSupervisor');
export const GuardedStoreRegions = token<GuardedRegions>('GuardedStoreRegions');

/** Whether keys are in the configured DynamoDB table, and not in a store that an architect bound in its place. */
const usesTable = (container: Container): boolean =>
  container.isBound(StoreReplicas) && container.get(KeyRepository) === container.get(ConfiguredRepository);

/** The table in every configured region; empty for another store. */
export const replicasOf = (container: Container): readonly DynamoDbReplica[] =>
  usesTable(container) ? container.get(StoreReplicas) : [];

/** Whether the store has regions, which then have a supervisor. */
export const hasStoreRegions = (container: Container): boolean =>
  container.isBound(StoreSupervisor) && usesTable(container);

export function bindStore(bind: Bind, config: Config, aws: Token<RegionalClients>): void {
  const { store } = config;
  bind(KeyRepository)
    .toResolvedValue((repository) => repository, [ConfiguredRepository])
    .inSingletonScope();
  if (store.kind === 'sqlite') {
    bind(ConfiguredRepository)
      .toResolvedValue(() => sqliteRepository(store))
      .inSingletonScope()
      .onDeactivation((repository) => {
        if (repository instanceof SqliteKeyRepository) repository.close();
      });
    return;
  }
  bind(StoreReplicas)
    .toResolvedValue(
      (clients) => store.regions.map((region) => replicaOf(region, store.table, config, clients)),
      [aws],
    )
    .inSingletonScope();
  bindStoreRegions(bind, config, store);
}

/** The time limit of one region, in milliseconds: all of them together may take `timeout_ms`. */
const shareOf = ({ timeout_ms, regions }: DynamoDbConfig): number => Math.floor(timeout_ms / regions.length);

function bindStoreRegions(bind: Bind, { deployment, failover }: Config, store: DynamoDbConfig): void {
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
      (supervisor, audit, clock, peers) =>
        new GuardedRegions(supervisor, audit, clock, 'store-region', peers),
      [StoreSupervisor, AuditLog, Clock, Peers],
    )
    .inSingletonScope();
  bind(ConfiguredRepository)
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

function replicaOf(
  region: StoreRegionConfig,
  table: string,
  config: Config,
  clients: RegionalClients,
): DynamoDbReplica {
  const connection = connectionTo(region, config);
  const transport = clients.client('dynamodb', connection);
  const repository = new DynamoDbKeyRepository(transport, table);
  return { region: region.name, connection, transport, repository };
}

/** Turns the events of a supervisor of KMS regions into those of store regions. */
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

/** As for KMS regions, but a call ends within `share`, and a hedge starts after half of it at the latest. */
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
