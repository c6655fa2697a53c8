// Whether we may write the table, found out by writes that cannot happen: their condition contradicts itself, so DynamoDB
// refuses them after it has seen that they are allowed. Nothing is ever written, and no key is ever touched.
import {
  ConditionalCheckFailedException,
  PutItemCommand,
  UpdateItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { StoreWriteFailure } from '../../domain/failures/store-failures.js';
import { untilAborted } from '../aws/until-aborted.js';
import { writeFailure } from './dynamodb-failures.js';
import { itemKey } from './items.js';

/** Ids of keys start with a letter or digit. */
const nobodysKey = itemKey('_rkms/doctor', 0);
const never = 'attribute_exists(id) AND attribute_not_exists(id)';

export const mayPut = (
  client: DynamoDBClient,
  table: string,
  signal: AbortSignal,
): ResultAsync<void, StoreWriteFailure> =>
  refused(signal, () =>
    client.send(new PutItemCommand({ TableName: table, Item: nobodysKey, ConditionExpression: never }), {
      abortSignal: signal,
    }),
  );

export const mayUpdate = (
  client: DynamoDBClient,
  table: string,
  signal: AbortSignal,
): ResultAsync<void, StoreWriteFailure> =>
  refused(signal, () =>
    client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: nobodysKey,
        UpdateExpression: 'SET revision = :next',
        ConditionExpression: never,
        ExpressionAttributeValues: { ':next': { N: '0' } },
      }),
      { abortSignal: signal },
    ),
  );

/** Ok when the write was refused for its condition, and for nothing else. */
function refused(signal: AbortSignal, write: () => Promise<unknown>): ResultAsync<void, StoreWriteFailure> {
  const aborted: StoreWriteFailure = { kind: 'store.outcome-unknown', cause: 'aborted' };
  const outcome = async (): Promise<Result<void, StoreWriteFailure>> => {
    try {
      await write();
      return err({ kind: 'store.misconfigured', detail: ignored });
    } catch (cause) {
      return cause instanceof ConditionalCheckFailedException ? ok() : err(writeFailure(cause));
    }
  };
  return untilAborted(signal, aborted, () => new ResultAsync(outcome()));
}

const ignored =
  'what answers writes in spite of a condition that forbids it: it is no DynamoDB, and must not hold keys';
