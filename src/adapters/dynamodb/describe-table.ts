// What AWS says about a table: its keys, mode and protection, compared with the configuration at start. Serving never needs it:
// a process without the permission serves without these facts (I9).
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import { untilAborted } from '../aws/until-aborted.js';
import { isDenied, readFailure } from './dynamodb-failures.js';

/** A table as seen from one region. */
export interface TableFacts {
  /** `ACTIVE`, or what DynamoDB says instead. */
  readonly status: string;
  /** Partition key `id` (S), sort key `version` (N). */
  readonly hasRightKeys: boolean;
  /** Whether a condition holds in all regions at once (multi-Region strong consistency). */
  readonly isStrong: boolean;
  /** The regions in which the table has a replica; whether this one is among them is up to DynamoDB. */
  readonly replicas: readonly string[];
  readonly isDeletionProtected: boolean;
}

/** Undefined without the permission, or when the endpoint does not know the call. */
export function describeTable(
  client: DynamoDBClient,
  table: string,
  signal: AbortSignal,
): ResultAsync<TableFacts | undefined, StoreReadFailure> {
  const command = new DescribeTableCommand({ TableName: table });
  return asked(signal, () => client.send(command, { abortSignal: signal })).map(
    (answer) => answer?.Table && factsOf(answer.Table),
  );
}

/** Whether the table can be restored to any second of the last weeks; undefined as above. */
export function hasPointInTimeRecovery(
  client: DynamoDBClient,
  table: string,
  signal: AbortSignal,
): ResultAsync<boolean | undefined, StoreReadFailure> {
  const command = new DescribeContinuousBackupsCommand({ TableName: table });
  return asked(signal, () => client.send(command, { abortSignal: signal })).map((answer) => {
    const recovery = answer?.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
    return answer && recovery?.PointInTimeRecoveryStatus === 'ENABLED';
  });
}

const isNoAnswer = (cause: unknown): boolean =>
  isDenied(cause) || (cause instanceof Error && cause.name === 'UnknownOperationException');

function asked<T>(signal: AbortSignal, send: () => Promise<T>): ResultAsync<T | undefined, StoreReadFailure> {
  return untilAborted<T | undefined, StoreReadFailure>(signal, { kind: 'call.aborted' }, () =>
    ResultAsync.fromPromise(send(), (cause) => cause).orElse((cause) =>
      isNoAnswer(cause) ? okAsync<T | undefined, StoreReadFailure>(undefined) : errAsync(readFailure(cause)),
    ),
  );
}

function factsOf(table: TableDescription): TableFacts {
  const typeOf = (role: string): string | undefined => {
    const name = table.KeySchema?.find(({ KeyType }) => KeyType === role)?.AttributeName;
    const type = table.AttributeDefinitions?.find(
      ({ AttributeName }) => AttributeName === name,
    )?.AttributeType;
    return name && type && `${name} ${type}`;
  };
  return {
    status: table.TableStatus ?? 'unknown',
    hasRightKeys: typeOf('HASH') === 'id S' && typeOf('RANGE') === 'version N',
    isStrong: table.MultiRegionConsistency === 'STRONG',
    replicas: (table.Replicas ?? []).flatMap(({ RegionName }) => RegionName ?? []),
    isDeletionProtected: table.DeletionProtectionEnabled === true,
  };
}
