// Reads an issuer's keys over HTTPS: one request, bounded in time and size, without redirects. The files with the authority
// and the token are read each time, because Kubernetes renews them.
import { ResultAsync } from 'neverthrow';
import { readFileSync } from 'node:fs';
import { request as plainRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { codeOf } from '../files/private-files.js';
import type { KeySetSource, KeySetUnavailable } from './key-set-source.js';

const timeoutMs = 3_000;
const maxBytes = 262_144;

export interface HttpKeySetSettings {
  readonly url: string;
  /** Authorities for the issuer's certificate, instead of Node's. PEM. */
  readonly caFile?: string | undefined;
  /** The bearer token for the request. */
  readonly tokenFile?: string | undefined;
}

export class HttpKeySet implements KeySetSource {
  constructor(private readonly settings: HttpKeySetSettings) {}

  read(): ResultAsync<string, KeySetUnavailable> {
    const signal = AbortSignal.timeout(timeoutMs);
    return ResultAsync.fromPromise(this.#fetch(signal), (cause) => ({
      kind: 'key-set.unavailable',
      reason: signal.aborted ? `no complete response within ${timeoutMs} ms` : reasonOf(cause),
    }));
  }

  async #fetch(signal: AbortSignal): Promise<string> {
    const { url, caFile, tokenFile } = this.settings;
    const authorization =
      tokenFile === undefined ? {} : { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
    const options = {
      signal,
      headers: { accept: 'application/json', ...authorization },
      agent: false,
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    };
    const answer = await answerTo(url, options);
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw new Unexpected(`status ${answer.statusCode ?? 0}`);
    }
    return boundedText(answer);
  }
}

/** A response without a key set. The message is ours, so it is safe to log. */
class Unexpected extends Error {}

const reasonOf = (cause: unknown): string => (cause instanceof Unexpected ? cause.message : codeOf(cause));

function answerTo(url: string, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? tlsRequest : plainRequest;
    request(url, options, resolve).on('error', reject).end();
  });
}

async function boundedText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Unexpected(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
