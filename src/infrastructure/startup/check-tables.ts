// Before the store is used: asks every region for its table. What would make two keys for one id ends the start; the rest is
// a warning in the log.
import type { Container } from 'inversify';
import type { Logger } from 'pino';
import { describeTable, hasPointInTimeRecovery } from '../../adapters/dynamodb/describe-table.js';
import { DynamoDbKeyRepository } from '../../adapters/dynamodb/dynamodb-key-repository.js';
import { ReplicatedRepository } from '../../application/store/replicated-repository.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { OperatorError } from '../../ports/operator-error.js';
import type { Config } from '../config/config.js';
import { tableRefusals, tableWarnings, type InspectedTable } from './assess-tables.js';
import { StoreReplicas, type DynamoDbReplica } from '../wiring/store-bindings.js';

const patienceMs = 5_000;

/** Asks every region at once. Nothing to do for a store that is not DynamoDB, or not bound by us. */
export async function checkTables(container: Container, config: Config, logger: Logger): Promise<void> {
  const { store } = config;
  if (store.kind !== 'dynamodb' || !isOfOurs(container.get(KeyRepository))) return;
  const replicas = container.get(StoreReplicas);
  const signal = AbortSignal.timeout(patienceMs);
  const seen = await Promise.all(replicas.map((replica) => inspectTable(replica, store.table, signal)));
  const [refusal] = tableRefusals(seen, store);
  if (refusal !== undefined) {
    const { message, hint, cause } = refusal;
    throw new OperatorError(message, hint, { cause });
  }
  for (const { region, message, facts } of seen.flatMap((table) => tableWarnings(table, store))) {
    logger.warn({ table: store.table, region, ...facts }, message);
  }
}

const isOfOurs = (repository: KeyRepository): boolean =>
  repository instanceof DynamoDbKeyRepository || repository instanceof ReplicatedRepository;

/** What one region says of the table; never fails, for silence is an answer too. */
export async function inspectTable(
  { region, client, repository }: DynamoDbReplica,
  table: string,
  signal: AbortSignal,
): Promise<InspectedTable> {
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
