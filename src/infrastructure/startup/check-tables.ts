// Inspects the DynamoDB table in every region before the store is used. What could create two keys for one id ends the start;
// everything else is a warning in the log. What AWS did not answer is never taken for granted.
import type { Logger } from 'pino';
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import type { Config } from '../config/config.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import { TemporaryFailure } from './start-check.js';
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import { assessTables } from '../checks/assess-tables.js';

/** How long all regions together may take (ms). */
const inspectionTimeoutMs = 5_000;

/**
 * Asks all regions at the same time; throws an OperatorError for a table that must not be used. Returns why keys must not be
 * created yet: AWS did not answer whether the table suits its mode.
 */
export async function checkTables(
  replicas: readonly DynamoDbReplica[],
  config: Config,
  aws: RegionalClients,
  logger: Logger,
): Promise<TemporaryFailure | undefined> {
  const { store } = config;
  if (store.kind !== 'dynamodb') return undefined;
  const { inspectTable } = await import('../checks/inspect-table.js');
  const signal = AbortSignal.timeout(inspectionTimeoutMs);
  const inspected = await Promise.all(
    replicas.map((replica) => inspectTable(replica, store.table, aws, signal)),
  );
  const problems = assessTables(inspected, store);
  const refusal = problems.find(({ severity }) => severity === 'broken');
  if (refusal && !refusal.mayPass) {
    throw new OperatorError(refusal.found, refusal.hint, { cause: refusal.cause });
  }
  for (const { severity, region, found, facts } of problems) {
    if (severity === 'warning') logger.warn({ table: store.table, region, ...facts }, found);
  }
  return refusal && new TemporaryFailure(refusal.found, refusal.hint);
}

/** As `checkTables`, for a command that writes: throws also while AWS does not answer. */
export async function requireTables(...args: Parameters<typeof checkTables>): Promise<void> {
  const unproven = await checkTables(...args);
  if (unproven) throw unproven;
}
