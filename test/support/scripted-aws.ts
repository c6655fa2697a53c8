// An AWS endpoint whose every answer a test writes: over real HTTP on the loopback interface, so that clients meet bytes
// and broken connections rather than thrown objects.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AwsRequest {
  /** The last part of X-Amz-Target, as `PutItem`. */
  readonly operation: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer; or the connection is reset; or nothing ever comes. */
export type AwsReply = { readonly status: number; readonly body: string } | 'reset' | 'silent';

export interface ScriptedAws {
  readonly endpoint: string;
  /** Every request read, in order. */
  readonly requests: AwsRequest[];
  /** How many connections were ever opened. */
  connections(): number;
  /** Requests whose client went away before an answer came. */
  abandoned(): number;
  stop(): Promise<void>;
}

/** An error as AWS's JSON protocols carry it. */
export const awsError = (name: string, status = 400, more: object = {}): AwsReply => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.test#${name}`, message: 'no', ...more }),
});

export async function startScriptedAws(
  replyTo: (request: AwsRequest) => AwsReply | Promise<AwsReply>,
): Promise<ScriptedAws> {
  const requests: AwsRequest[] = [];
  let connections = 0;
  let abandoned = 0;
  const server = createServer((incoming, response) => {
    response.on('close', () => {
      if (!response.writableFinished) abandoned += 1;
    });
    void readRequest(incoming).then(async (request) => {
      requests.push(request);
      send(response, await replyTo(request));
    });
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    connections: () => connections,
    abandoned: () => abandoned,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<AwsRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
  );
  const operation = headers['x-amz-target']?.split('.').at(-1) ?? '';
  return { operation, headers, body: Buffer.concat(chunks).toString() };
}

function send(response: ServerResponse, reply: AwsReply): void {
  if (reply === 'silent') return;
  if (reply === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(reply.status, { 'Content-Type': 'application/x-amz-json-1.1' });
  response.end(reply.body);
}
