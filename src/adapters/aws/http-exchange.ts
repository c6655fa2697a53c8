// One HTTP exchange with AWS over undici: collects an answer in memory of its own and overwrites what the network delivered, so
// that no copy of a plaintext stays behind. Connecting is bounded in time; everything else is bounded by the caller's signal.
import { createSecureContext } from 'node:tls';
import type { LookupFunction, Socket } from 'node:net';
import { buildConnector, type Dispatcher, type Pool } from 'undici';
import { scheduleStallAware } from '../../domain/stall-aware-timer.js';
import type { Clock } from '../../ports/clock.js';

export interface ConnectorSettings {
  readonly clock: Clock;
  readonly lookup: LookupFunction;
  /** How long connecting, TLS included, may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Certificate authorities to trust instead of Node's, in PEM; for tests. */
  readonly ca?: string | undefined;
}

/** OpenSSL's SSL_OP_CLEANSE_PLAINTEXT, which node:crypto does not name: decrypted bytes are overwritten once they were read. */
const cleansePlaintext = 1 << 1;

export interface Question {
  readonly headers: string[];
  readonly body: Buffer;
  /** The longest answer that AWS gives to it. */
  readonly maxAnswerBytes: number;
}

/** Posts to `/`. Rejects with the error of the network, or with an `AbortError` as soon as the signal fires. */
export const post = (
  pool: Pool,
  { headers, body, maxAnswerBytes }: Question,
  signal: AbortSignal,
): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const answer = new AnswerHandler(maxAnswerBytes, signal, resolve, reject);
    if (!answer.isOver) pool.dispatch({ method: 'POST', path: '/', headers, body }, answer);
  });

export interface RawAnswer {
  readonly status: number;
  readonly bytes: Buffer;
  /** The header `date`. */
  readonly date: string | undefined;
}

/** Collects one answer in memory of its own. Ends when the signal fires, also while the call waits for a connection. */
export class AnswerHandler implements Dispatcher.DispatchHandler {
  isOver = false;
  private controller: Dispatcher.DispatchController | undefined;
  private status = 0;
  private date: string | undefined;
  private bytes = Buffer.alloc(0);
  private length = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly signal: AbortSignal,
    private readonly resolve: (answer: RawAnswer) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    signal.addEventListener('abort', this.abort);
    if (signal.aborted) this.abort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.isOver) controller.abort(aborted());
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, unknown>,
  ): void {
    this.status = status;
    this.date = headers['date'] as string | undefined;
    const length = Number(headers['content-length'] ?? 0);
    if (length > this.maxBytes) controller.abort(tooLong());
    else this.bytes = Buffer.from(new ArrayBuffer(length));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const end = this.length + chunk.length;
    if (end > this.maxBytes) {
      controller.abort(tooLong());
    } else if (!this.isOver) {
      if (end > this.bytes.length) this.grow(end);
      this.bytes.set(chunk, this.length);
      this.length = end;
    }
    chunk.fill(0);
  }

  onResponseEnd(): void {
    if (this.isOver) return;
    this.end();
    this.resolve({ status: this.status, bytes: this.bytes.subarray(0, this.length), date: this.date });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.isOver) return;
    this.end();
    this.bytes.fill(0);
    this.reject(error);
  }

  private grow(length: number): void {
    const larger = Buffer.from(new ArrayBuffer(Math.max(length, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes.fill(0);
    this.bytes = larger;
  }

  private end(): void {
    this.isOver = true;
    this.signal.removeEventListener('abort', this.abort);
  }

  private readonly abort = (): void => {
    this.end();
    this.bytes.fill(0);
    this.controller?.abort(aborted());
    this.reject(aborted());
  };
}

const tooLong = (): Error => Object.assign(new Error('the answer is too long'), { name: 'SyntaxError' });

export const aborted = (): Error => Object.assign(new Error('the call was aborted'), { name: 'AbortError' });

/** The connector answers with the socket, which undici's types do not say. */
type Connect = (...connecting: Parameters<buildConnector.connector>) => Socket;

/** Connects within the time limit; time during which this process was stalled does not count against the region. */
export function boundedConnector({
  clock,
  lookup,
  connectTimeoutMs,
  ca,
}: ConnectorSettings): buildConnector.connector {
  const secureContext = createSecureContext({ ca, secureOptions: cleansePlaintext });
  const options = { timeout: 0, lookup, secureContext, allowH2: false };
  const connect = buildConnector(options) as unknown as Connect;
  return (to, callback) => {
    const socket = connect(to, (...outcome) => {
      cancel();
      callback(...outcome);
    });
    const cancel = scheduleStallAware(clock, connectTimeoutMs, () => {
      const text = `no connection within ${connectTimeoutMs} ms`;
      socket.destroy(Object.assign(new Error(text), { code: 'ETIMEDOUT' }));
    });
  };
}
