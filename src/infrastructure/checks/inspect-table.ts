// What one region answers about the store’s table. Loads the AWS SDK, so it is imported only where a table is inspected.
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { dynamoDbSdkClient } from '../../adapters/aws/sdk-clients.js';
import { describeTable, hasPointInTimeRecovery } from '../../adapters/dynamodb/describe-table.js';
import type { Config } from '../config/config.js';
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import type { InspectedTable } from './assess-tables.js';

/** Asks until the signal fires. Never fails: a region that does not answer leaves its facts undefined. */
export async function inspectTable(
  { region, repository }: DynamoDbReplica,
  { store, kms }: Config,
  aws: RegionalClients,
  signal: AbortSignal,
): Promise<InspectedTable> {
  if (store.kind !== 'dynamodb') throw new Error('only a DynamoDB store has tables');
  const { table } = store;
  const client = dynamoDbSdkClient(aws, {
    region,
    endpoint: store.regions.find(({ name }) => name === region)?.endpoint,
    connectTimeoutMs: kms.connect_timeout_ms,
    maxSockets: kms.max_sockets,
  });
  const [described, recoverable, genesis] = await Promise.all([
    describeTable(client, table, signal),
    hasPointInTimeRecovery(client, table, signal),
    repository.genesis(signal),
  ]);
  client.destroy();
  return {
    region,
    facts: described.unwrapOr(undefined),
    isRecoverable: recoverable.unwrapOr(undefined),
    genesis: genesis.unwrapOr(undefined),
    failure: genesis.isErr() ? genesis.error : undefined,
  };
}
