// What one region answers about the store’s table. Loads the AWS SDK, so it is imported only where a table is inspected.
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { dynamoDbSdkClient } from '../../adapters/aws/sdk-clients.js';
import { describeTable, hasPointInTimeRecovery } from '../../adapters/dynamodb/describe-table.js';
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import type { InspectedTable } from './assess-tables.js';

/** Asks until the signal fires. Never fails: a region that does not answer leaves its facts undefined. */
export async function inspectTable(
  { region, connection, repository }: DynamoDbReplica,
  table: string,
  aws: RegionalClients,
  signal: AbortSignal,
): Promise<InspectedTable> {
  const client = dynamoDbSdkClient(aws, connection);
  const [described, recoverable, genesis] = await Promise.all([
    describeTable(client, table, signal),
    hasPointInTimeRecovery(client, table, signal),
    repository.genesis(signal),
  ]);
  client.destroy();
  return {
    region,
    facts: described.unwrapOr(undefined),
    isDenied: described.isOk() && described.value === undefined,
    isRecoverable: recoverable.unwrapOr(undefined),
    genesis: genesis.unwrapOr(undefined),
    failure: genesis.isErr() ? genesis.error : undefined,
  };
}
