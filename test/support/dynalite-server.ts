// DynamoDB played by dynalite, over real HTTP on the loopback interface, in memory.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type CreateTableCommandInput,
} from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';

export interface DynaliteServer {
  readonly endpoint: string;
  /** A client as the service makes it; closed with the server. `endpoint` may lead elsewhere first. */
  client(endpoint?: string): DynamoDBClient;
  /** Makes a table with the keys RKMS needs, or with others. */
  createTable(name: string, shape?: Partial<CreateTableCommandInput>): Promise<void>;
  stop(): Promise<void>;
}

const rightShape = {
  AttributeDefinitions: [
    { AttributeName: 'id', AttributeType: 'S' },
    { AttributeName: 'version', AttributeType: 'N' },
  ],
  KeySchema: [
    { AttributeName: 'id', KeyType: 'HASH' },
    { AttributeName: 'version', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
} as const satisfies Partial<CreateTableCommandInput>;

/** A client for any endpoint, with made-up credentials. */
export const dynamoClient = (endpoint: string): DynamoDBClient =>
  new DynamoDBClient({
    region: 'eu-west-1',
    endpoint,
    maxAttempts: 1,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });

export async function startDynalite(): Promise<DynaliteServer> {
  const server = dynalite({ createTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const own = `http://127.0.0.1:${port}`;
  const clients: DynamoDBClient[] = [];
  const client = (endpoint = own): DynamoDBClient => {
    const made = dynamoClient(endpoint);
    clients.push(made);
    return made;
  };
  const admin = client();
  return {
    endpoint: own,
    client,
    createTable: async (name, shape = {}) => {
      await admin.send(new CreateTableCommand({ ...rightShape, ...shape, TableName: name }));
      while (!(await isActive(admin, name))) await nextTurn();
    },
    stop: async () => {
      for (const each of clients) each.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function isActive(client: DynamoDBClient, name: string): Promise<boolean> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
  return Table?.TableStatus === 'ACTIVE';
}
