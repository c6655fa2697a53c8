// The store in one DynamoDB table of one region: partition key `id` (S), sort key `version` (N). Reads are strongly
// consistent. Every write has a condition, so the first of concurrent writes wins; RKMS must never write without one.
import { err, errAsync, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import type {
  KeyCopiesNeeded,
  KeyUnreadable,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { KeyId, KeyVersion, Region } from '../../domain/ids.js';
import { withCiphertexts, withoutCiphertexts, type KeyRecord } from '../../domain/keys/key-record.js';
import { decodeRecord, encodeRecord } from '../../domain/keys/record-format.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyPage, KeyRepository } from '../../ports/key-repository.js';
import { withFreshConnection } from '../aws/fresh-connection.js';
import { AwsError, type AwsTransport } from '../aws/json-client.js';
import { readFailure, writeFailure } from './dynamodb-failures.js';
import {
  decodeCursor,
  encodeCursor,
  fieldsOf,
  genesisItem,
  genesisKey,
  genesisOf,
  isGenesis,
  itemKey,
  itemOf,
  type Item,
} from './items.js';
import { updateRequest } from './update-request.js';

/** The condition of a write was not met. `found` is the present item, if the answer has it. */
interface ConditionFailed {
  readonly kind: 'condition-failed';
  readonly found: Item | undefined;
}

export class DynamoDbKeyRepository implements KeyRepository {
  constructor(
    private readonly transport: AwsTransport,
    private readonly table: string,
  ) {}

  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    return this.getItem(itemKey(id, version), signal).andThen((item) =>
      item ? decodeRecord(fieldsOf(item)) : ok(undefined),
    );
  }

  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    return this.putIfAbsent(itemOf(encodeRecord(record)), signal).andThen((winner) =>
      decodeRecord(fieldsOf(winner)),
    );
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    const next = withCiphertexts(record, added);
    return this.update(updateRequest(this.table, record, next.revision, { added }), next, signal);
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    return withoutCiphertexts(record, regions).asyncAndThen((next) =>
      this.update(updateRequest(this.table, record, next.revision, { dropped: regions }), next, signal),
    );
  }

  /**
   * DynamoDB updates its count about every six hours and reports 0 for a new table, so 0 means unknown. Also unknown without
   * the permission for DescribeTable. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
   */
  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    return this.read<{ readonly Table?: { readonly ItemCount?: number } }>(
      'DescribeTable',
      { TableName: this.table },
      signal,
    )
      .map(({ Table }) => (Table?.ItemCount === 0 ? undefined : Table?.ItemCount))
      .orElse((failure) => (failure.kind === 'store.misconfigured' ? ok(undefined) : err(failure)));
  }

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<KeyPage, StoreReadFailure> {
    const request = {
      TableName: this.table,
      ConsistentRead: true,
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: decodeCursor(after) }),
    };
    return this.read<{ readonly Items?: readonly Item[]; readonly LastEvaluatedKey?: Item }>(
      'Scan',
      request,
      signal,
    ).map(({ Items = [], LastEvaluatedKey }) => {
      const entries = Items.filter((item) => !isGenesis(item)).map((item) => ({
        id: item['id']?.S ?? '',
        version: Number(item['version']?.N),
        record: decodeRecord(fieldsOf(item)),
      }));
      return LastEvaluatedKey ? { entries, next: encodeCursor(LastEvaluatedKey) } : { entries };
    });
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return this.getItem(genesisKey, signal).andThen((item): Result<Genesis | undefined, KeyUnreadable> =>
      item ? genesisOf(item) : ok(undefined),
    );
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    return this.putIfAbsent(genesisItem(genesis), signal).andThen(genesisOf);
  }

  private update(
    request: object,
    next: KeyRecord,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    return this.write('UpdateItem', request, signal)
      .map(() => next)
      .mapErr((failure) =>
        failure.kind === 'condition-failed' ? { kind: 'store.revision-stale' } : failure,
      );
  }

  /** Writes the item unless its key exists. Returns the item that is stored afterwards. */
  private putIfAbsent(item: Item, signal: AbortSignal): ResultAsync<Item, StoreWriteFailure> {
    const request = {
      TableName: this.table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
    return this.write('PutItem', request, signal)
      .map(() => item)
      .orElse((failure) => {
        if (failure.kind !== 'condition-failed') return errAsync(failure);
        return failure.found ? okAsync(failure.found) : this.getWinner(item, signal);
      });
  }

  /** The refusal had no item: AWS-compatible services may not support `ReturnValuesOnConditionCheckFailure`. */
  private getWinner(item: Item, signal: AbortSignal): ResultAsync<Item, StoreWriteFailure> {
    const { id, version } = item;
    const key: Item = { ...(id && { id }), ...(version && { version }) };
    return this.getItem(key, signal)
      .mapErr((failure): StoreWriteFailure => failure)
      .andThen((found) => (found ? ok(found) : err({ kind: 'store.outcome-unknown' } as const)));
  }

  private getItem(key: Item, signal: AbortSignal): ResultAsync<Item | undefined, StoreReadFailure> {
    const request = { TableName: this.table, Key: key, ConsistentRead: true };
    return this.read<{ readonly Item?: Item }>('GetItem', request, signal).map(({ Item: item }) => item);
  }

  private read<T>(operation: string, request: object, signal: AbortSignal): ResultAsync<T, StoreReadFailure> {
    return withFreshConnection<T, StoreReadFailure & { readonly cause?: unknown }>(() =>
      ResultAsync.fromPromise(this.send<T>(operation, request, signal), readFailure),
    );
  }

  private write(
    operation: string,
    request: object,
    signal: AbortSignal,
  ): ResultAsync<object, StoreWriteFailure | ConditionFailed> {
    return ResultAsync.fromPromise(this.send<object>(operation, request, signal), (cause) =>
      cause instanceof AwsError && cause.name === 'ConditionalCheckFailedException'
        ? { kind: 'condition-failed', found: cause.body['Item'] as Item | undefined }
        : writeFailure(cause),
    );
  }

  private async send<T>(operation: string, request: object, signal: AbortSignal): Promise<T> {
    const answer = await this.transport.call(operation, Buffer.from(JSON.stringify(request)), signal);
    return JSON.parse(answer.toString()) as T;
  }
}
