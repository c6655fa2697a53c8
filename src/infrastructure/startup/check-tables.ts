// Inspects the DynamoDB table in every region before the store is used. What could create two keys for one id ends the start;
// everything else is a warning in the log.
import type { Logger } from 'pino';
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import type { Config } from '../config/config.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import { assessTables } from '../checks/assess-tables.js';

/** How long all regions together may take (ms). */
const inspectionTimeoutMs = 5_000;

/** Asks all regions at the same time; throws an OperatorError for a table that must not be used. */
export async function checkTables(
  replicas: readonly DynamoDbReplica[],
  config: Config,
  aws: RegionalClients,
  logger: Logger,
): Promise<void> {
  const { store } = config;
  if (store.kind !== 'dynamodb') return;
  const { inspectTable } = await import('../checks/inspect-table.js');
  const signal = AbortSignal.timeout(inspectionTimeoutMs);
  const inspected = await Promise.all(
    replicas.map((replica) => inspectTable(replica, store.table, aws, signal)),
  );
  const problems = assessTables(inspected, store);
  const refusal = problems.find(({ severity }) => severity === 'broken');
  if (refusal) throw new OperatorError(refusal.found, refusal.hint, { cause: refusal.cause });
  for (const { region, found, facts } of problems) {
    logger.warn({ table: store.table, region, ...facts }, found);
  }
}
