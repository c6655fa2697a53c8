// DynamoDB in several regions: an HTTP front per region on the loopback interface, before dynalite. A strong table is one
// dynalite behind all fronts. An ordinary global table is one dynalite per region, with a replicator between them that does
// what AWS's does: the last writer wins, and it takes its time. Fronts fail as told, and say of the table what dynalite
// cannot.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { GetItemCommand, PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { startDynalite, type DynaliteServer } from './dynalite-server.js';

/** `reset-after-write`: what was asked is done, and the answer lost. */
export type DynamoFault =
  | 'refused'
  | 'silent'
  | 'server-error'
  | 'reset'
  | 'reset-after-write'
  | 'throttled'
  | 'conflict'
  | 'access-denied';

/** What AWS says of the table, beyond what dynalite knows. */
export interface TableTraits {
  readonly consistency?: 'STRONG' | 'EVENTUAL';
  readonly replicas?: readonly string[];
  readonly deletionProtection?: boolean;
  readonly recovery?: 'ENABLED' | 'DISABLED';
  readonly status?: string;
  /** Whether DescribeTable and DescribeContinuousBackups are refused. */
  readonly denied?: boolean;
  /** Other operations that are refused, as `PutItem`. */
  readonly deniedOperations?: readonly string[];
  /** Operations that fail with a server error. */
  readonly failedOperations?: readonly string[];
}

type Item = Record<string, AttributeValue>;
interface Wire {
  readonly status: number;
  readonly body: string;
}

const table = 'rkms';
const writes = new Set(['PutItem', 'UpdateItem']);
const problem = (name: string, status = 400): Wire => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'no' }),
});

export class DynamoRegion {
  traits: TableTraits;
  /** `Operation` of every request that was read. */
  readonly calls: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #fault: DynamoFault | undefined;
  #times = Infinity;
  #port = 0;

  constructor(
    readonly name: string,
    readonly backend: DynaliteServer,
    traits: TableTraits,
    private readonly onWrite: (region: DynamoRegion, key: Item) => Promise<void>,
  ) {
    this.traits = traits;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Fails from now on, or for the next `times` requests that the fault concerns. */
  async fail(fault: DynamoFault, times = Infinity): Promise<void> {
    if (fault === 'refused') await this.stop();
    else [this.#fault, this.#times] = [fault, times];
  }

  async heal(): Promise<void> {
    this.#fault = undefined;
    await this.listen();
  }

  async listen(): Promise<void> {
    if (this.#server.listening) return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async item(id: string): Promise<Item | undefined> {
    const Key = { id: { S: id }, version: { N: '1' } };
    return (await this.backend.client().send(new GetItemCommand({ TableName: table, Key }))).Item;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    this.calls.push(operation);
    const fault = this.#strikes(operation);
    if (fault === 'silent') return;
    if (fault === 'reset') return void response.socket?.resetAndDestroy();
    const answer = refusals[fault ?? 'none'] ?? (await this.#answer(operation, request, body));
    if (fault === 'reset-after-write') return void response.socket?.resetAndDestroy();
    response.writeHead(answer.status, { 'Content-Type': 'application/x-amz-json-1.0' }).end(answer.body);
  }

  #strikes(operation: string): DynamoFault | undefined {
    const fault = this.#fault;
    const isOfWrites = fault === 'reset-after-write' || fault === 'conflict';
    if (fault === undefined || this.#times <= 0 || (isOfWrites && !writes.has(operation))) return undefined;
    this.#times -= 1;
    return fault;
  }

  async #answer(operation: string, request: IncomingMessage, body: string): Promise<Wire> {
    if (this.traits.deniedOperations?.includes(operation) === true) return problem('AccessDeniedException');
    if (this.traits.failedOperations?.includes(operation) === true)
      return refusals['server-error'] ?? problem('InternalServerError', 500);
    if (operation.startsWith('Describe')) {
      if (this.traits.denied === true) return problem('AccessDeniedException');
      if (operation === 'DescribeContinuousBackups') return this.#backups();
    }
    const passed = Object.fromEntries(
      Object.entries(request.headers)
        .filter(([name]) => !ofConnection.has(name))
        .map(([name, value]) => [name, String(value)]),
    );
    const reply = await fetch(this.backend.endpoint, { method: 'POST', headers: passed, body });
    const answer = { status: reply.status, body: await reply.text() };
    if (answer.status !== 200) return answer;
    if (operation === 'DescribeTable') return { status: 200, body: this.#described(answer.body) };
    if (writes.has(operation)) {
      const { Key, Item } = JSON.parse(body) as { readonly Key?: Item; readonly Item?: Item };
      const { id = { S: '' }, version = { N: '0' } } = Key ?? Item ?? {};
      await this.onWrite(this, { id, version });
    }
    return answer;
  }

  #described(body: string): string {
    const { Table } = JSON.parse(body) as { readonly Table: object };
    const { consistency, replicas = [], deletionProtection = true, status } = this.traits;
    const others = replicas.filter((name) => name !== this.name);
    return JSON.stringify({
      Table: {
        ...Table,
        ...(status === undefined ? {} : { TableStatus: status }),
        ...(consistency === undefined ? {} : { MultiRegionConsistency: consistency }),
        ...(others.length === 0 ? {} : { Replicas: others.map((RegionName) => ({ RegionName })) }),
        DeletionProtectionEnabled: deletionProtection,
      },
    });
  }

  #backups(): Wire {
    const recovery = { PointInTimeRecoveryStatus: this.traits.recovery ?? 'ENABLED' };
    const ContinuousBackupsDescription = {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: recovery,
    };
    return { status: 200, body: JSON.stringify({ ContinuousBackupsDescription }) };
  }
}

const ofConnection = new Set(['host', 'connection', 'content-length']);

const refusals: Readonly<Record<string, Wire>> = {
  'server-error': { status: 503, body: '<html>' },
  throttled: problem('ProvisionedThroughputExceededException'),
  conflict: problem('ReplicatedWriteConflictException'),
  'access-denied': problem('AccessDeniedException'),
};

/** Carries writes from one region to the others; of two that cross, the later one wins everywhere. */
class Replicator {
  readonly #applied = new Map<string, number>();
  readonly #held: (() => Promise<void>)[] = [];
  #written = 0;
  lags = false;

  constructor(private readonly regions: () => readonly DynamoRegion[]) {}

  async onWrite(from: DynamoRegion, Key: Item): Promise<void> {
    const at = (this.#written += 1);
    const { Item } = await from.backend.client().send(new GetItemCommand({ TableName: table, Key }));
    if (Item === undefined) return;
    this.#applied.set(`${from.name} ${JSON.stringify(Key)}`, at);
    for (const to of this.regions()) {
      if (to === from) continue;
      const apply = async (): Promise<void> => {
        const name = `${to.name} ${JSON.stringify(Key)}`;
        if ((this.#applied.get(name) ?? 0) > at) return;
        this.#applied.set(name, at);
        await to.backend.client().send(new PutItemCommand({ TableName: table, Item }));
      };
      if (this.lags) this.#held.push(apply);
      else await apply();
    }
  }

  async catchUp(): Promise<void> {
    this.lags = false;
    for (const apply of this.#held.splice(0)) await apply();
  }
}

export interface DynamoRegions {
  readonly regions: readonly [DynamoRegion, DynamoRegion, DynamoRegion];
  /** From now on replicas do not get what is written, until `catchUp`. Without effect on a strong table. */
  lag(): void;
  catchUp(): Promise<void>;
  heal(): Promise<void>;
  /** The lines of a [store] section that lead here. */
  config(mode: string, more?: string): string;
  stop(): Promise<void>;
}

const names = ['us-east-1', 'us-east-2', 'us-west-2'] as const;

/** Three regions with the empty table `rkms`. */
export async function startDynamoRegions(kind: 'strong' | 'ordinary'): Promise<DynamoRegions> {
  const backends = await Promise.all(
    Array.from({ length: kind === 'strong' ? 1 : names.length }, () => startDynalite()),
  );
  await Promise.all(backends.map((backend) => backend.createTable(table)));
  const replicator = new Replicator(() => (kind === 'strong' ? [] : regions));
  const traits: TableTraits = { replicas: names, consistency: kind === 'strong' ? 'STRONG' : 'EVENTUAL' };
  const make = (at: 0 | 1 | 2): DynamoRegion => {
    const backend = backends[at] ?? backends[0];
    if (backend === undefined) throw new Error('no dynalite was started');
    return new DynamoRegion(names[at], backend, traits, (from, key) => replicator.onWrite(from, key));
  };
  const regions = [make(0), make(1), make(2)] as const;
  await Promise.all(regions.map((region) => region.listen()));
  return {
    regions,
    lag: () => {
      replicator.lags = true;
    },
    catchUp: () => replicator.catchUp(),
    heal: async () => {
      await Promise.all(regions.map((region) => region.heal()));
    },
    config: (mode, more = '') =>
      [
        `[store]\nkind = "dynamodb"\ntable = "${table}"\nmode = "${mode}"\n${more}`,
        ...regions.map(
          ({ name, endpoint }) => `[[store.regions]]\nname = "${name}"\nendpoint = "${endpoint}"`,
        ),
        // What the store answers is the subject here: nothing is served from memory.
        '[cache]\nrecords = 0',
      ].join('\n'),
    stop: async () => {
      await Promise.all(regions.map((region) => region.stop()));
      await Promise.all(backends.map((backend) => backend.stop()));
    },
  };
}
