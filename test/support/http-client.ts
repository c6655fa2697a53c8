// A client that sends exactly what it is told, where fetch would repair or refuse it. Every call uses a connection of its
// own, which is closed with the answer, unless it brings an agent.
import { once } from 'node:events';
import {
  request,
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpQuestion {
  readonly method?: string;
  /** The request target as it goes over the wire. */
  readonly target: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Whose connections are used. */
  readonly agent?: Agent;
}

const patienceMs = 10_000;

/** Begins a request, which the test may destroy. */
export function begin(
  url: string,
  { method = 'GET', target, headers = {}, body, agent }: HttpQuestion,
): ClientRequest {
  const { hostname, port } = new URL(url);
  const signal = AbortSignal.timeout(patienceMs);
  const sent = request({ hostname, port, method, path: target, headers, agent: agent ?? false, signal });
  sent.end(body);
  return sent;
}

export async function ask(url: string, question: HttpQuestion): Promise<HttpAnswer> {
  const [answer] = (await once(begin(url, question), 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

/** Sends the bytes as they are; answers with all that came back until the server closed the connection. */
export async function askRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), signal: AbortSignal.timeout(patienceMs) });
  socket.write(bytes, 'latin1');
  return text(socket);
}
