// Before the store is used: asks every region for its table. What would make two keys for one id ends the start; the rest is
// a warning in the log.
import type { Container } from 'inversify';
import type { Logger } from 'pino';
import { DynamoDbKeyRepository } from '../../adapters/dynamodb/dynamodb-key-repository.js';
import { ReplicatedRepository } from '../../application/store/replicated-repository.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Config } from '../config/config.js';
import { AwsClients } from '../wiring/container.js';
import { StoreReplicas } from '../wiring/store-bindings.js';
import { tableRefusals, tableWarnings } from './assess-tables.js';

const patienceMs = 5_000;

/** Asks every region at once. Nothing to do for a store that is not DynamoDB, or not bound by us. */
export async function checkTables(container: Container, config: Config, logger: Logger): Promise<void> {
  const { store } = config;
  if (store.kind !== 'dynamodb' || !isOfOurs(container.get(KeyRepository))) return;
  const { inspectTable } = await import('./inspect-table.js');
  const [replicas, aws] = [container.get(StoreReplicas), container.get(AwsClients)];
  const signal = AbortSignal.timeout(patienceMs);
  const seen = await Promise.all(replicas.map((replica) => inspectTable(replica, config, aws, signal)));
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
