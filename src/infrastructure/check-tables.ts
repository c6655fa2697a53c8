// Before the store is used: is the table, in every configured region, what the configuration takes it for? What would make
// two keys for one id ends the start; a region that does not answer, or a question we may not ask, is a warning (I9).
import type { Container } from 'inversify';
import type { Logger } from 'pino';
import {
  describeTable,
  hasPointInTimeRecovery,
  isDenied,
  type TableFacts,
} from '../adapters/dynamodb/table-check.js';
import { DynamoDbKeyRepository } from '../adapters/dynamodb/dynamodb-key-repository.js';
import { failureFacts } from '../adapters/pino/log-facts.js';
import { ReplicatedRepository } from '../application/replicated-repository.js';
import type { StoreReadFailure } from '../domain/failures.js';
import type { Genesis } from '../domain/genesis.js';
import type { Region } from '../domain/ids.js';
import { KeyRepository } from '../ports/key-repository.js';
import { StartRefused } from '../ports/start-refused.js';
import type { Config, DynamoDbConfig } from './config.js';
import { StoreReplicas, type DynamoDbReplica } from './store-bindings.js';

const patienceMs = 5_000;

/** What one region said of the table; undefined where it did not say. */
interface SeenTable {
  readonly region: Region;
  readonly facts: TableFacts | undefined;
  readonly isRecoverable: boolean | undefined;
  readonly genesis: Genesis | undefined;
  readonly failure: StoreReadFailure | undefined;
}

/** Asks every region at once. Nothing to do for a store that is not DynamoDB, or not bound by us. */
export async function checkTables(container: Container, config: Config, logger: Logger): Promise<void> {
  const { store } = config;
  if (store.kind !== 'dynamodb' || !isOfOurs(container.get(KeyRepository))) return;
  const replicas = container.get(StoreReplicas);
  const seen = await Promise.all(replicas.map((replica) => look(replica, store.table)));
  for (const table of seen) refuseUnsuitable(table, store);
  refuseSeveralTables(seen, store);
  refuseUnboundCopies(seen, store);
  for (const table of seen) warn(table, store, logger);
}

const isOfOurs = (repository: KeyRepository): boolean =>
  repository instanceof DynamoDbKeyRepository || repository instanceof ReplicatedRepository;

async function look({ region, client, repository }: DynamoDbReplica, table: string): Promise<SeenTable> {
  const signal = AbortSignal.timeout(patienceMs);
  const [described, recoverable, genesis] = await Promise.all([
    describeTable(client, table, signal),
    hasPointInTimeRecovery(client, table, signal),
    repository.genesis(signal),
  ]);
  return {
    region,
    facts: described.unwrapOr(undefined),
    isRecoverable: recoverable.unwrapOr(undefined),
    genesis: genesis.unwrapOr(undefined),
    failure: genesis.isErr() ? genesis.error : undefined,
  };
}

/** What no waiting mends: a missing table, other keys, less consistency than the mode needs. */
function refuseUnsuitable(
  { region, facts, failure }: SeenTable,
  { table, mode, regions }: DynamoDbConfig,
): void {
  const where = `the table "${table}" in ${region}`;
  // One region alone is refused by whoever reads its genesis record, with a line that says why.
  if (mode.kind !== 'single' && failure?.kind === 'store.misconfigured' && !isDenied(failure.cause)) {
    throw new StartRefused(`${where} cannot be used`, failure.detail, { cause: failure.cause });
  }
  if (facts === undefined) return;
  if (!facts.hasRightKeys) {
    throw new StartRefused(
      `${where} has other keys`,
      'RKMS needs the partition key id (S) and the sort key version (N)',
    );
  }
  if (mode.kind === 'strong' && !facts.isStrong) {
    throw new StartRefused(
      `${where} has no multi-Region strong consistency, which mode = "strong" relies on`,
      'make a global table with it (docs/stores.md), or use mode = "home"',
    );
  }
  const known = [region, ...facts.replicas];
  const missing = regions.map(({ name }) => name).filter((name) => !known.includes(name));
  if (missing.length > 0) {
    throw new StartRefused(
      `${where} has no replica in ${missing.join(', ')}`,
      'add the replica to the table, or take the region out of [[store.regions]]',
    );
  }
}

/** Tables of the same name that are no replicas of each other: absence in one of them says nothing of the others. */
function refuseSeveralTables(seen: readonly SeenTable[], { table, mode }: DynamoDbConfig): void {
  const withGenesis = seen.flatMap(({ region, genesis }) => (genesis ? [{ region, genesis }] : []));
  const [first, ...others] = withGenesis;
  if (first === undefined) return;
  const other = others.find(({ genesis }) => !isSame(first.genesis, genesis));
  if (other !== undefined) {
    throw new StartRefused(
      `the tables "${table}" in ${first.region} and ${other.region} have different genesis records: they are not one table`,
      'name regions in which one global table has its replicas',
    );
  }
  const empty = seen.find(({ genesis, failure }) => genesis === undefined && failure === undefined);
  if (mode.kind === 'strong' && empty !== undefined) {
    throw new StartRefused(
      `the table "${table}" in ${empty.region} lacks the genesis record that ${first.region} has: they are not one table`,
      'name regions in which one global table has its replicas',
    );
  }
}

const isSame = (one: Genesis, other: Genesis): boolean =>
  one.deployment === other.deployment && one.createdAtMs === other.createdAtMs;

/** A genesis record of an earlier build does not say where the table is written: a copy elsewhere may be written, too. */
function refuseUnboundCopies(seen: readonly SeenTable[], { table, mode, regions }: DynamoDbConfig): void {
  const [only] = seen;
  const isUnbound = only?.genesis !== undefined && only.genesis.writes === undefined;
  if (mode.kind !== 'single' || !isUnbound || !only.facts || only.facts.isStrong) return;
  if (copiesOf(only).length === 0) return;
  throw new StartRefused(
    `the table "${table}" has replicas in other regions, and its genesis record does not say where it is written`,
    `use mode = "home" with home = "${regions[0].name}", and write that into the genesis record (docs/stores.md)`,
  );
}

const copiesOf = ({ region, facts }: SeenTable): readonly string[] =>
  facts?.replicas.filter((replica) => replica !== region) ?? [];

function warn(seen: SeenTable, { table, mode }: DynamoDbConfig, logger: Logger): void {
  const { region, facts, isRecoverable, failure } = seen;
  const about = { table, region };
  if (failure !== undefined) {
    if (mode.kind !== 'single') {
      logger.warn({ ...about, ...failureFacts(failure) }, 'the table cannot be used in this region now');
    }
    return;
  }
  if (seen.genesis === undefined && mode.kind === 'home' && mode.home !== region) {
    logger.warn(about, 'this replica has no genesis record yet: it is of no use before it has caught up');
  }
  if (facts === undefined)
    logger.warn(about, 'the table could not be checked: DescribeTable was not answered');
  else warnOfFacts(facts, seen, mode.kind, about, logger);
  if (isRecoverable === undefined) {
    logger.warn(
      about,
      'point-in-time recovery could not be checked: DescribeContinuousBackups was not answered',
    );
  } else if (!isRecoverable) {
    logger.warn(about, 'point-in-time recovery is off: a deleted record cannot be brought back');
  }
}

function warnOfFacts(
  facts: TableFacts,
  seen: SeenTable,
  mode: DynamoDbConfig['mode']['kind'],
  about: { readonly region: Region },
  logger: Logger,
): void {
  const { status, isStrong, isDeletionProtected } = facts;
  const copies = copiesOf(seen);
  if (status !== 'ACTIVE') logger.warn({ ...about, status }, 'the table is not active in this region');
  if (!isDeletionProtected)
    logger.warn(about, 'deletion protection is off: a deleted table takes every key with it');
  if (mode === 'single' && copies.length > 0) {
    logger.warn(
      { ...about, copies },
      'the table has replicas that are not used: mode = "home" or "strong" reads them',
    );
  }
  if (mode === 'home' && isStrong) {
    logger.warn(
      about,
      'the table has multi-Region strong consistency: with mode = "strong" every region may write',
    );
  }
}
