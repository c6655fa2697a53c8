// DynamoDB as a store: the contract against dynalite, what items look like, and what becomes of errors and lost answers.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { err, ok, type ResultAsync } from 'neverthrow';
import type { JsonClient } from '../../../src/adapters/aws/json-client.js';
import type { AwsCredentials } from '../../../src/adapters/aws/sigv4.js';
import { DynamoDbKeyRepository } from '../../../src/adapters/dynamodb/dynamodb-key-repository.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { firstVersion, type KeyId, type KeyVersion } from '../../../src/domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import {
  keyRepositoryContract,
  unreadableRecordContract,
  type SpoilableStore,
} from '../../contracts/key-repository-contract.js';
import { startDynalite, type DynaliteServer } from '../../support/dynalite-server.js';
import { awsTestClient } from '../../support/aws-test-client.js';
import { withoutCause } from '../../support/failures-without-cause.js';
import { Leftovers } from '../../support/leftovers.js';
import { deployment, keyId, region } from '../../support/names.js';
import {
  awsError,
  startScriptedAws,
  type AwsReply,
  type AwsRequest,
  type ScriptedAws,
} from '../../support/scripted-aws.js';
import { until } from '../../support/until.js';

// Real processes, disks and connections, on a machine that may be busy.
jest.setTimeout(60_000);

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

let dynalite: DynaliteServer;
let tables = 0;

const transport = (endpoint = dynalite.endpoint): JsonClient =>
  awsTestClient({ service: 'dynamodb', endpoint }, leftovers);

beforeAll(async () => {
  dynalite = await startDynalite();
});

afterAll(() => dynalite.stop());

/** A table of its own for each test: dynalite is started once. */
async function newTable(): Promise<string> {
  tables += 1;
  const table = `rkms-${tables}`;
  await dynalite.createTable(table);
  return table;
}

type Item = Record<string, AttributeValue>;

const itemAt = async (
  client: DynamoDBClient,
  table: string,
  id: KeyId,
  version: KeyVersion = firstVersion,
): Promise<Item> => {
  const key = { id: { S: id }, version: { N: String(version) } };
  const { Item: item = {} } = await client.send(new GetItemCommand({ TableName: table, Key: key }));
  return item;
};

async function makeStore(): Promise<SpoilableStore> {
  const client = dynalite.client();
  const table = await newTable();
  return {
    subject: new DynamoDbKeyRepository(transport(), table),
    corrupt: async (id, version, how) => {
      const item = await itemAt(client, table, id, version);
      const spoilt: Item =
        how === 'newer-format'
          ? { format: { N: '2' }, ciphertexts: { S: 'unheard of' } }
          : { commitment: { S: 'x' } };
      await client.send(new PutItemCommand({ TableName: table, Item: { ...item, ...spoilt } }));
    },
    stored: async (id, version) => JSON.stringify(await itemAt(client, table, id, version)),
  };
}

describe('the contract of a store', () => {
  for (const promise of keyRepositoryContract(makeStore)) test(promise.name, promise.run);
});

describe('the contract of a store, for records that cannot be read', () => {
  for (const promise of unreadableRecordContract(makeStore)) test(promise.name, promise.run);
});

const id = keyId('orders/7');
const unbounded = (): AbortSignal => new AbortController().signal;
const genesis = { deployment: deployment('production'), createdAtMs: 5 };
const record = newKeyRecord(
  { id, version: firstVersion, commitment: 'c'.repeat(43) as Commitment, createdAtMs: 7 },
  [{ region: region('eu-west-1'), kmsKey: 'arn:one', bytes: Buffer.of(0, 1, 255) }],
);
const other: KeyRecord = { ...record, commitment: 'd'.repeat(43) as Commitment };
const added = [{ region: region('us-east-1'), kmsKey: 'arn:two', bytes: Buffer.of(9) }];

const reads = {
  find: (store) => store.find(id, firstVersion, unbounded()),
  page: (store) => store.page(undefined, 10, unbounded()),
  genesis: (store) => store.genesis(unbounded()),
} as const satisfies Record<string, Call>;
const writes = {
  insert: (store) => store.insert(record, unbounded()),
  addCiphertexts: (store) => store.addCiphertexts(record, added, unbounded()),
  initialise: (store) => store.initialise(genesis, unbounded()),
} as const satisfies Record<string, Call>;
const calls: readonly [string, Call][] = [...Object.entries(reads), ...Object.entries(writes)];

type Call = (store: DynamoDbKeyRepository) => ResultAsync<unknown, object>;

async function scripted(
  replyTo: (request: AwsRequest) => AwsReply | Promise<AwsReply>,
  table = 'rkms',
): Promise<{ readonly aws: ScriptedAws; readonly store: DynamoDbKeyRepository }> {
  const aws = await startScriptedAws(replyTo);
  leftovers.add(() => aws.stop());
  return { aws, store: new DynamoDbKeyRepository(transport(aws.endpoint), table) };
}

/** Passes a request on to dynalite and brings back its answer. */
async function passOn({ headers, body }: AwsRequest): Promise<{ status: number; body: string }> {
  const { host, connection, 'content-length': length, ...signed } = headers;
  expect([host, connection, length]).toHaveLength(3);
  const answer = await fetch(dynalite.endpoint, { method: 'POST', headers: signed, body });
  return { status: answer.status, body: await answer.text() };
}

describe('an item', () => {
  test('has text as S, numbers as N and ciphertexts as B in a map by region', async () => {
    const client = dynalite.client();
    const table = await newTable();
    await new DynamoDbKeyRepository(transport(), table).insert(record, unbounded());
    const item = await itemAt(client, table, id);
    expect(item).toEqual({
      id: { S: 'orders/7' },
      version: { N: '1' },
      format: { N: '1' },
      commitment: { S: 'c'.repeat(43) },
      createdAtMs: { N: '7' },
      revision: { N: '1' },
      ciphertexts: {
        M: { 'eu-west-1': { M: { kmsKey: { S: 'arn:one' }, bytes: { B: new Uint8Array([0, 1, 255]) } } } },
      },
    });
  });

  test('of the genesis has an id that is invalid for keys', async () => {
    const client = dynalite.client();
    const table = await newTable();
    await new DynamoDbKeyRepository(transport(), table).initialise(genesis, unbounded());
    const { Items } = await client.send(new ScanCommand({ TableName: table }));
    expect(Items).toEqual([
      {
        id: { S: '_rkms/genesis' },
        version: { N: '0' },
        deployment: { S: 'production' },
        createdAtMs: { N: '5' },
      },
    ]);
  });

  test.each(['anywhere', 'us-east-1'])('of a genesis has the place of writes: %s', async (place) => {
    const store = new DynamoDbKeyRepository(transport(), await newTable());
    const bound = { ...genesis, writes: region(place) };
    expect(await store.initialise(bound, unbounded())).toEqual(ok(bound));
    expect(await store.genesis(unbounded())).toEqual(ok(bound));
  });

  test('of a genesis with an invalid place of writes is unreadable', async () => {
    const client = dynalite.client();
    const table = await newTable();
    const Item = {
      id: { S: '_rkms/genesis' },
      version: { N: '0' },
      deployment: { S: 'production' },
      createdAtMs: { N: '5' },
      writes: { S: 'US East' },
    };
    await client.send(new PutItemCommand({ TableName: table, Item }));
    expect(await new DynamoDbKeyRepository(transport(), table).genesis(unbounded())).toMatchObject({
      error: { kind: 'key.unreadable' },
    });
  });

  const wrongTypes: readonly [string, Item][] = [
    ['format', { format: { S: '1' } }],
    ['commitment', { commitment: { N: '1' } }],
    ['createdAtMs', { createdAtMs: { S: '7' } }],
    ['revision', { revision: { NULL: true } }],
    ['ciphertexts', { ciphertexts: { L: [] } }],
    ['ciphertexts as text', { ciphertexts: { S: '{}' } }],
    ['a ciphertext', { ciphertexts: { M: { 'eu-west-1': { S: 'x' } } } }],
    ['bytes', { ciphertexts: { M: { 'eu-west-1': { M: { kmsKey: { S: 'k' }, bytes: { S: 'AAE=' } } } } } }],
    [
      'a KMS key',
      { ciphertexts: { M: { 'eu-west-1': { M: { kmsKey: { N: '1' }, bytes: { B: Buffer.of(1) } } } } } },
    ],
    [
      'a region',
      { ciphertexts: { M: { 'EU WEST': { M: { kmsKey: { S: 'k' }, bytes: { B: Buffer.of(1) } } } } } },
    ],
    ['no ciphertext', { ciphertexts: { M: {} } }],
  ];

  test.each(wrongTypes)(
    'with the wrong type of %s is unreadable, and a walk goes on past it',
    async (_, spoilt) => {
      const client = dynalite.client();
      const table = await newTable();
      const store = new DynamoDbKeyRepository(transport(), table);
      await store.insert(record, unbounded());
      const item = await itemAt(client, table, id);
      await client.send(new PutItemCommand({ TableName: table, Item: { ...item, ...spoilt } }));
      const broken = { kind: 'key.unreadable', reason: 'broken', detail: expect.any(String) };
      expect(await store.find(id, firstVersion, unbounded())).toEqual(err(broken));
      expect(await store.page(undefined, 10, unbounded())).toEqual(
        ok({ entries: [{ id, version: 1, record: err(broken) }] }),
      );
      expect(await store.insert(record, unbounded())).toEqual(err(broken));
    },
  );

  test('of a genesis that is broken is unreadable, never absent', async () => {
    const client = dynalite.client();
    const table = await newTable();
    const store = new DynamoDbKeyRepository(transport(), table);
    const Item = { id: { S: '_rkms/genesis' }, version: { N: '0' }, deployment: { N: '1' } };
    await client.send(new PutItemCommand({ TableName: table, Item }));
    const broken = err({ kind: 'key.unreadable', reason: 'broken', detail: 'genesis record' });
    expect(await store.genesis(unbounded())).toEqual(broken);
    expect(await store.initialise(genesis, unbounded())).toEqual(broken);
  });
});

describe('every read', () => {
  test('is strongly consistent', async () => {
    const { aws, store } = await scripted(() => ({ status: 200, body: '{}' }));
    for (const read of Object.values(reads)) await read(store);
    const asked = aws.requests.map(({ operation, body }) => [
      operation,
      (JSON.parse(body) as { ConsistentRead?: boolean }).ConsistentRead,
    ]);
    expect(asked).toEqual([
      ['GetItem', true],
      ['Scan', true],
      ['GetItem', true],
    ]);
  });
});

describe('every write', () => {
  test('has a condition', async () => {
    const { aws, store } = await scripted(() => ({ status: 200, body: '{}' }));
    for (const write of Object.values(writes)) await write(store);
    const conditions = aws.requests.map(({ operation, body }) => [
      operation,
      (JSON.parse(body) as { ConditionExpression?: string }).ConditionExpression,
    ]);
    expect(conditions).toEqual([
      ['PutItem', expect.stringContaining('attribute_not_exists')],
      ['UpdateItem', expect.stringContaining('revision')],
      ['PutItem', expect.stringContaining('attribute_not_exists')],
    ]);
  });
});

describe('a lost insert', () => {
  test('gets the winner by a second read, if the refusal does not have it', async () => {
    const table = await newTable();
    const { aws, store } = await scripted(async (request) => {
      const answer = await passOn(request);
      const { __type } = JSON.parse(answer.body) as { __type?: string };
      return request.operation === 'PutItem' ? { ...answer, body: JSON.stringify({ __type }) } : answer;
    }, table);
    await store.insert(record, unbounded());
    expect((await store.insert(other, unbounded())).map(({ commitment }) => commitment)).toEqual(
      ok(record.commitment),
    );
    expect(aws.requests.map(({ operation }) => operation)).toEqual(['PutItem', 'PutItem', 'GetItem']);
  });

  test('gets the winner from the refusal, if it has it', async () => {
    const Item = {
      id: { S: id },
      version: { N: '1' },
      format: { N: '1' },
      commitment: { S: 'd'.repeat(43) },
      createdAtMs: { N: '7' },
      revision: { N: '3' },
      ciphertexts: { M: { 'eu-west-1': { M: { kmsKey: { S: 'k' }, bytes: { B: 'AAE=' } } } } },
    };
    const { aws, store } = await scripted(() => awsError('ConditionalCheckFailedException', 400, { Item }));
    const told = await store.insert(record, unbounded());
    expect(told.map(({ commitment, revision }) => [commitment, revision])).toEqual(ok(['d'.repeat(43), 3]));
    expect(aws.requests).toHaveLength(1);
  });

  test('whose winner is missing afterwards has an unknown outcome', async () => {
    const { store } = await scripted(({ operation }) =>
      operation === 'PutItem' ? awsError('ConditionalCheckFailedException') : { status: 200, body: '{}' },
    );
    expect(await store.insert(record, unbounded())).toEqual(err({ kind: 'store.outcome-unknown' }));
  });
});

describe('a lost answer', () => {
  test.each([
    ['reset', 'reset'],
    [{ status: 500, body: '' }, 'server-error'],
    [{ status: 200, body: '{"half' }, 'unintelligible'],
  ] as const)(
    'to a write (%j) leaves its outcome unknown, though the item is there',
    async (loss, reason) => {
      const table = await newTable();
      const { store } = await scripted(async (request) => {
        const answer = await passOn(request);
        return request.operation === 'GetItem' ? answer : loss;
      }, table);
      const unknown = err({ kind: 'store.outcome-unknown', reason });
      expect(withoutCause(await store.insert(record, unbounded()))).toEqual(unknown);
      const found = (await store.find(id, firstVersion, unbounded()))._unsafeUnwrap();
      expect(found?.commitment).toBe(record.commitment);
      expect(withoutCause(await store.addCiphertexts(record, added, unbounded()))).toEqual(unknown);
      const grown = (await store.find(id, firstVersion, unbounded()))._unsafeUnwrap();
      expect([grown?.revision, grown?.ciphertexts.size]).toEqual([2, 2]);
    },
  );
});

describe('an error', () => {
  const detail = expect.stringMatching(/\w+ \w+/);
  const unavailable = (reason?: string): readonly [object, object] => {
    const told = reason === undefined ? {} : { reason };
    return [
      { kind: 'store.unavailable', ...told },
      { kind: 'store.outcome-unknown', ...told },
    ];
  };
  const misconfigured = { kind: 'store.misconfigured', detail };
  const throttled = { kind: 'store.throttled' };
  const rows: readonly [string, AwsReply, object, object][] = [
    ['a missing table', awsError('ResourceNotFoundException'), misconfigured, misconfigured],
    ['a refused right', awsError('AccessDeniedException'), misconfigured, misconfigured],
    ['other keys of the table', awsError('ValidationException'), misconfigured, misconfigured],
    ['too little capacity', awsError('ProvisionedThroughputExceededException'), throttled, throttled],
    ['a throttle', awsError('ThrottlingException'), throttled, throttled],
    ['an exceeded quota', awsError('RequestLimitExceeded'), throttled, throttled],
    ['an internal error', awsError('InternalServerError', 500), ...unavailable('server-error')],
    ['a page of HTML', { status: 503, body: '<html>' }, ...unavailable('server-error')],
    ['an unknown error', awsError('SomethingUnheardOf'), ...unavailable()],
    [
      'a conflict of regions',
      awsError('ReplicatedWriteConflictException'),
      { kind: 'store.unavailable' },
      { kind: 'store.conflicted' },
    ],
    ['an answer that is not JSON', { status: 200, body: 'not {json' }, ...unavailable('unintelligible')],
  ];

  test.each(rows)('%s is told as what it is, after one call', async (_, reply, ofRead, ofWrite) => {
    const { aws, store } = await scripted(() => reply);
    for (const [name, call] of calls) {
      aws.requests.length = 0;
      const result = withoutCause(await call(store));
      expect([name, result]).toEqual([name, err(name in reads ? ofRead : ofWrite)]);
      expect(aws.requests).toHaveLength(1);
    }
  });

  test('a reset is reported by a read after a second try, and by a write after one, because it may have been applied', async () => {
    const { aws, store } = await scripted(() => 'reset');
    for (const [name, call] of calls) {
      aws.requests.length = 0;
      const result = withoutCause(await call(store));
      expect([name, result]).toEqual([name, err(unavailable('reset')[name in reads ? 0 : 1])]);
      expect(aws.requests).toHaveLength(name in reads ? 2 : 1);
    }
  });

  test('a read that meets a connection which AWS had closed is answered on another one', async () => {
    let resets = 1;
    const { store } = await scripted(() => ((resets -= 1) === 0 ? 'reset' : { status: 200, body: '{}' }));
    expect(await store.find(record.id, record.version, unbounded())).toEqual(ok(undefined));
  });

  test.each(['ExpiredTokenException', 'UnrecognizedClientException', 'InvalidSignatureException'])(
    '%s is the fault of our credentials, and not tried again with the same ones',
    async (name) => {
      const { aws, store } = await scripted(() => awsError(name));
      for (const [, call] of calls) {
        aws.requests.length = 0;
        expect(withoutCause(await call(store))).toEqual(err({ kind: 'credentials.invalid' }));
        expect(aws.requests).toHaveLength(1);
      }
    },
  );

  test('expired credentials are fetched anew, and the call succeeds', async () => {
    const table = await newTable();
    let refused = false;
    const { aws } = await scripted((request) => {
      if (refused) return passOn(request);
      refused = true;
      return awsError('ExpiredTokenException');
    }, table);
    let fetched = 0;
    const fetch = (): Promise<AwsCredentials> =>
      Promise.resolve({ accessKeyId: `key-${(fetched += 1)}`, secretAccessKey: 'test' });
    const client = awsTestClient({ service: 'dynamodb', endpoint: aws.endpoint, fetch }, leftovers);
    const store = new DynamoDbKeyRepository(client, table);
    expect((await store.insert(record, unbounded())).isOk()).toBe(true);
    expect(refused).toBe(true);
  });

  test('a refused connection makes a read fail and the outcome of a write unknown', async () => {
    const { aws, store } = await scripted(() => 'reset');
    await aws.stop();
    for (const [name, call] of calls) {
      const kind = name in reads ? 'store.unavailable' : 'store.outcome-unknown';
      expect(withoutCause(await call(store))).toEqual(err({ kind, reason: 'refused' }));
    }
  });

  test('silence ends when no caller waits any more, and so does the request on the network', async () => {
    const { aws, store } = await scripted(() => 'silent');
    const wait = async (call: (signal: AbortSignal) => ResultAsync<unknown, object>): Promise<unknown> => {
      const [before, gone] = [aws.requests.length, aws.abandoned()];
      const controller = new AbortController();
      const pending = call(controller.signal);
      await until(() => aws.requests.length > before);
      controller.abort();
      const result = await pending;
      await until(() => aws.abandoned() === gone + 1);
      return withoutCause(result);
    };
    const aborted = err({ kind: 'call.aborted' });
    const unknown = err({ kind: 'store.outcome-unknown' });
    expect(await wait((signal) => store.find(id, firstVersion, signal))).toEqual(aborted);
    expect(await wait((signal) => store.page(undefined, 10, signal))).toEqual(aborted);
    expect(await wait((signal) => store.genesis(signal))).toEqual(aborted);
    expect(await wait((signal) => store.insert(record, signal))).toEqual(unknown);
    expect(await wait((signal) => store.addCiphertexts(record, added, signal))).toEqual(unknown);
    expect(await wait((signal) => store.initialise(genesis, signal))).toEqual(unknown);
  });
});

describe('a table', () => {
  test('that does not exist is a misconfiguration with a hint', async () => {
    const store = new DynamoDbKeyRepository(transport(), 'no-such-table');
    const hint = expect.stringContaining('create it with partition key id (S) and sort key version (N)');
    for (const [, call] of calls) {
      expect(withoutCause(await call(store))).toEqual(err({ kind: 'store.misconfigured', detail: hint }));
    }
  });

  test('with other keys is a misconfiguration with a hint', async () => {
    await dynalite.createTable('other-keys', {
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    });
    const store = new DynamoDbKeyRepository(transport(), 'other-keys');
    const hint = expect.stringContaining('its keys must be id (S, partition) and version (N, sort)');
    expect(withoutCause(await store.genesis(unbounded()))).toEqual(
      err({ kind: 'store.misconfigured', detail: hint }),
    );
  });
});
