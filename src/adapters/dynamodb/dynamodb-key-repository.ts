// The store in one DynamoDB table of one region: partition key `id` (S), sort key `version` (N). Reads are strongly
// consistent. Every write has a condition, so the first of concurrent writes wins; RKMS must never write without one.
import { err, errAsync, ok, ResultAsync, type Result } from 'neverthrow';
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
    return new ResultAsync(this.recordAt(itemKey(id, version), signal));
  }

  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    return new ResultAsync(this.insertNew(record, signal));
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    const next = withCiphertexts(record, added);
    const request = updateRequest(this.table, record, next.revision, { added });
    return new ResultAsync(this.update(request, next, signal));
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    const next = withoutCiphertexts(record, regions);
    if (next.isErr()) return errAsync(next.error);
    const request = updateRequest(this.table, record, next.value.revision, { dropped: regions });
    return new ResultAsync(this.update(request, next.value, signal));
  }

  /**
   * DynamoDB updates its count about every six hours and reports 0 for a new table, so 0 means unknown. Also unknown without
   * the permission for DescribeTable. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
   */
  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    type Described = { readonly Table?: { readonly ItemCount?: number } };
    return new ResultAsync(this.read<Described>('DescribeTable', { TableName: this.table }, signal))
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
    type Scanned = { readonly Items?: readonly Item[]; readonly LastEvaluatedKey?: Item };
    return new ResultAsync(this.read<Scanned>('Scan', request, signal)).map(
      ({ Items = [], LastEvaluatedKey }) => {
        const entries = Items.filter((item) => !isGenesis(item)).map((item) => ({
          id: item['id']?.S ?? '',
          version: Number(item['version']?.N),
          record: decodeRecord(fieldsOf(item)),
        }));
        return LastEvaluatedKey ? { entries, next: encodeCursor(LastEvaluatedKey) } : { entries };
      },
    );
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return new ResultAsync(this.getItem(genesisKey, signal)).andThen(
      (item): Result<Genesis | undefined, KeyUnreadable> => (item ? genesisOf(item) : ok(undefined)),
    );
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    return new ResultAsync(this.putIfAbsent(genesisItem(genesis), signal)).andThen(genesisOf);
  }

  private async recordAt(
    key: Item,
    signal: AbortSignal,
  ): Promise<Result<KeyRecord | undefined, StoreReadFailure>> {
    const item = await this.getItem(key, signal);
    if (item.isErr()) return err(item.error);
    return item.value ? decodeRecord(fieldsOf(item.value)) : ok(undefined);
  }

  /** Of our own write, the record is what was written; of another's, what the store holds. */
  private async insertNew(
    record: KeyRecord,
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, StoreWriteFailure>> {
    const own = itemOf(encodeRecord(record));
    const winner = await this.putIfAbsent(own, signal);
    if (winner.isErr()) return err(winner.error);
    return winner.value === own ? ok(record) : decodeRecord(fieldsOf(winner.value));
  }

  private async update(
    request: object,
    next: KeyRecord,
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, StoreWriteFailure | StoreRevisionStale>> {
    const failed = await this.write('UpdateItem', request, signal);
    if (failed === undefined) return ok(next);
    return err(failed.kind === 'condition-failed' ? { kind: 'store.revision-stale' } : failed);
  }

  /** Writes the item unless its key exists. Returns the item that is stored afterwards. */
  private async putIfAbsent(item: Item, signal: AbortSignal): Promise<Result<Item, StoreWriteFailure>> {
    const request = {
      TableName: this.table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
    const failed = await this.write('PutItem', request, signal);
    if (failed === undefined) return ok(item);
    if (failed.kind !== 'condition-failed') return err(failed);
    return failed.found ? ok(failed.found) : this.getWinner(item, signal);
  }

  /** The refusal had no item: AWS-compatible services may not support `ReturnValuesOnConditionCheckFailure`. */
  private async getWinner(
    { id, version }: Item,
    signal: AbortSignal,
  ): Promise<Result<Item, StoreWriteFailure>> {
    const found = await this.getItem({ ...(id && { id }), ...(version && { version }) }, signal);
    if (found.isErr()) return err(found.error);
    return found.value ? ok(found.value) : err({ kind: 'store.outcome-unknown' });
  }

  private async getItem(key: Item, signal: AbortSignal): Promise<Result<Item | undefined, StoreReadFailure>> {
    const request = { TableName: this.table, Key: key, ConsistentRead: true };
    const answer = await this.read<{ readonly Item?: Item }>('GetItem', request, signal);
    return answer.isOk() ? ok(answer.value.Item) : err(answer.error);
  }

  private async read<T>(
    operation: string,
    request: object,
    signal: AbortSignal,
  ): Promise<Result<T, StoreReadFailure>> {
    try {
      return ok(await withFreshConnection(() => this.send<T>(operation, request, signal)));
    } catch (cause) {
      return err(readFailure(cause));
    }
  }

  /** Why it was not, or may not have been, written; undefined when it was. */
  private async write(
    operation: string,
    request: object,
    signal: AbortSignal,
  ): Promise<StoreWriteFailure | ConditionFailed | undefined> {
    try {
      await this.send(operation, request, signal);
      return undefined;
    } catch (cause) {
      return cause instanceof AwsError && cause.name === 'ConditionalCheckFailedException'
        ? { kind: 'condition-failed', found: cause.body['Item'] as Item | undefined }
        : writeFailure(cause);
    }
  }

  private async send<T>(operation: string, request: object, signal: AbortSignal): Promise<T> {
    const answer = await this.transport.call(operation, Buffer.from(JSON.stringify(request)), signal);
    return JSON.parse(answer.toString()) as T;
  }
}
