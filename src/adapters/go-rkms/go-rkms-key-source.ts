// The store of armanshan12/rkms, the Go original, as a source of keys: a DynamoDB table and one KMS per region. Calls only
// Scan and Decrypt. The original used no encryption context and did not record its KMS keys, so Decrypt can be bound neither
// to the id nor to a KMS key: only copies that agree prove that a key is the right one.
import { ScanCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { err, ResultAsync } from 'neverthrow';
import { DataKey } from '../../domain/keys/data-key.js';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { KeySource, SourcePage } from '../../ports/key-source.js';
import { withFreshConnection } from '../aws/fresh-connection.js';
import type { JsonClient } from '../aws/json-client.js';
import { kmsFailure } from '../aws/kms-failures.js';
import { decryptBody, readAnswer } from '../aws/kms-messages.js';
import { untilAborted } from '../aws/until-aborted.js';
import { scanFailure } from './source-failures.js';
import { entryOf } from './source-items.js';

/** Where the table is, and how to reach a region's KMS; each region is connected to when its first copy is opened. */
/** SDK clients; `kmsOf` makes one per region, when an item first names it. */
export interface GoRkmsConnections {
  readonly dynamodb: DynamoDBClient;
  readonly kmsOf: (region: Region) => JsonClient;
}

type Send<T> = (options: { readonly abortSignal: AbortSignal }) => Promise<T>;

/** `name` is what the audit log calls it. Close it after use. */
export class GoRkmsKeySource implements KeySource {
  private readonly clients = new Map<Region, JsonClient>();

  constructor(
    readonly name: string,
    private readonly table: string,
    private readonly connections: GoRkmsConnections,
  ) {}

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<SourcePage, StoreReadFailure> {
    const { dynamodb } = this.connections;
    const command = new ScanCommand({
      TableName: this.table,
      ConsistentRead: true,
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: JSON.parse(after) as Cursor }),
    });
    const send: Send<Scanned> = (options) => dynamodb.send(command, options);
    return untilAborted<Scanned, StoreReadFailure>(signal, { kind: 'call.aborted' }, () =>
      ResultAsync.fromPromise(
        withFreshConnection(() => send({ abortSignal: signal })),
        scanFailure,
      ),
    ).map(({ Items: items = [], LastEvaluatedKey: last }) => ({
      entries: items.map(entryOf),
      ...(last && { next: JSON.stringify(last) }),
    }));
  }

  open(ciphertext: Uint8Array, region: Region, signal: AbortSignal): ResultAsync<DataKey, VaultFailure> {
    const answered = this.kmsOf(region).call('Decrypt', decryptBody(ciphertext), signal).then(readAnswer);
    return ResultAsync.fromPromise(answered, kmsFailure).andThen(({ plaintext }) =>
      plaintext ? DataKey.take(plaintext).mapErr(() => wrongLength) : err(wrongLength),
    );
  }

  /** Closes all connections. */
  close(): void {
    this.connections.dynamodb.destroy();
    for (const client of this.clients.values()) void client.close();
  }

  private kmsOf(region: Region): JsonClient {
    const known = this.clients.get(region);
    if (known) return known;
    const made = this.connections.kmsOf(region);
    this.clients.set(region, made);
    return made;
  }
}

/** DynamoDB's LastEvaluatedKey; callers see it as opaque JSON. */
type Cursor = Record<string, AttributeValue>;

interface Scanned {
  readonly Items?: Cursor[] | undefined;
  readonly LastEvaluatedKey?: Cursor | undefined;
}

const wrongLength: VaultFailure = { kind: 'ciphertext.mismatched', reason: 'length' };
