// Tests the permission to write the table with writes whose condition contradicts itself: DynamoDB checks the permission first
// and then refuses them. Nothing is ever written.
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { StoreWriteFailure } from '../../domain/failures/store-failures.js';
import { AwsError, type AwsTransport } from '../aws/json-client.js';
import { writeFailure } from './dynamodb-failures.js';
import { itemKey } from './items.js';

/** Ids of keys start with a letter or digit. */
const unusedKey = itemKey('_rkms/doctor', 0);
const never = 'attribute_exists(id) AND attribute_not_exists(id)';

export const mayPut = (
  transport: AwsTransport,
  table: string,
  signal: AbortSignal,
): ResultAsync<void, StoreWriteFailure> =>
  refused(transport, 'PutItem', { TableName: table, Item: unusedKey, ConditionExpression: never }, signal);

export const mayUpdate = (
  transport: AwsTransport,
  table: string,
  signal: AbortSignal,
): ResultAsync<void, StoreWriteFailure> => {
  const request = {
    TableName: table,
    Key: unusedKey,
    UpdateExpression: 'SET revision = :next',
    ConditionExpression: never,
    ExpressionAttributeValues: { ':next': { N: '0' } },
  };
  return refused(transport, 'UpdateItem', request, signal);
};

/** Ok when the write was refused because of its condition only. */
function refused(
  transport: AwsTransport,
  operation: string,
  request: object,
  signal: AbortSignal,
): ResultAsync<void, StoreWriteFailure> {
  const outcome = async (): Promise<Result<void, StoreWriteFailure>> => {
    try {
      await transport.call(operation, Buffer.from(JSON.stringify(request)), signal);
      return err({ kind: 'store.misconfigured', detail: ignored });
    } catch (cause) {
      const isRefused = cause instanceof AwsError && cause.name === 'ConditionalCheckFailedException';
      return isRefused ? ok() : err(writeFailure(cause));
    }
  };
  return new ResultAsync(outcome());
}

const ignored =
  'what answers writes in spite of a condition that forbids it: it is no DynamoDB, and must not hold keys';
