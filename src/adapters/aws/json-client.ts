// Calls one AWS service in one region over its JSON protocol: signs, sends, and answers with the bytes that came back. One
// connection pool per client, so that a region that hangs uses up nothing of another one. Tries once, except that credentials
// that AWS refuses are replaced once. What was received is overwritten here; the answer belongs to the caller.
import { Pool } from 'undici';
import { aborted, boundedConnector, post, type ConnectorSettings } from './http-exchange.js';
import type { RollingCredentials } from './rolling-credentials.js';
import { SigV4Signer, type AwsCredentials } from './sigv4.js';
import { credentialErrors } from './transport-failures.js';

/** What distinguishes the services: https://docs.aws.amazon.com/kms/latest/APIReference and .../amazondynamodb/... */
const services = {
  kms: { contentType: 'application/x-amz-json-1.1', target: 'TrentService' },
  dynamodb: { contentType: 'application/x-amz-json-1.0', target: 'DynamoDB_20120810' },
} as const;

export type AwsService = keyof typeof services;

/**
 * The longest answer to one call, in bytes, so that a service that sends without end takes little memory. Answers of KMS are
 * below 64 KiB. An item of DynamoDB has at most 400 KB, a page of items 1 MB; as JSON they are several times as long.
 */
function maxAnswerBytes(service: AwsService, operation: string): number {
  if (service === 'kms') return 262_144;
  return operation === 'Scan' ? 20 * 1_048_576 : 3 * 1_048_576;
}

export interface JsonClientSettings extends ConnectorSettings {
  readonly service: AwsService;
  readonly region: string;
  /** Scheme, host and port, as `https://kms.eu-west-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly credentials: RollingCredentials;
  /** How many connections may be open at once; further calls wait for one until their signal fires. */
  readonly maxConnections: number;
}

/** Sends one operation of one service in one region, as `Decrypt`; what the answer carries belongs to the caller. */
export type AwsTransport = Pick<JsonClient, 'call'>;

/** An error that AWS answered with: `name` is its type, as `AccessDeniedException`. */
export class AwsError extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(
    override readonly name: string,
    status: number,
    message: string,
    /** The members of the answer; of a failed condition, `Item`. */
    readonly body: Readonly<Record<string, unknown>>,
    /** When AWS answered, by its own clock: the header `date`. */
    readonly date?: string | undefined,
  ) {
    super(message);
    this.$metadata = { httpStatusCode: status };
  }
}

/** AWS refuses signatures that are more than five minutes off; the SDK corrects its clock beyond four (ms). */
const maxClockSkewMs = 240_000;
/** AWS closes a connection that was idle for longer; we close it first (ms). */
const idleConnectionMs = 20_000;

export class JsonClient {
  private readonly pool: Pool;
  private readonly signer: SigV4Signer;
  private readonly host: string;
  private clockOffsetMs = 0;

  constructor(private readonly settings: JsonClientSettings) {
    const { endpoint, region, service, maxConnections } = settings;
    const { host, origin } = new URL(endpoint);
    this.host = host;
    this.signer = new SigV4Signer(region, service);
    this.pool = new Pool(origin, {
      connections: maxConnections,
      pipelining: 1,
      keepAliveTimeout: idleConnectionMs,
      keepAliveMaxTimeout: idleConnectionMs,
      // The caller's signal bounds every call.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: boundedConnector(settings),
    });
  }

  /**
   * The bytes of a successful answer to `operation`, as `Decrypt`. Rejects with an `AwsError` for an error that AWS answered
   * with, with an error named `AbortError` when the signal fires, else with the error of the network. `body` is only read.
   */
  async call(operation: string, body: Buffer, signal: AbortSignal): Promise<Buffer> {
    if (signal.aborted) throw aborted();
    const { credentials } = this.settings;
    const used = credentials.current() ?? (await untilAborted(credentials.get(), signal));
    try {
      return await this.send(operation, body, used, signal);
    } catch (error) {
      if (!(error instanceof AwsError && credentialErrors.has(error.name))) throw error;
      if (this.correctClock(error)) return this.send(operation, body, used, signal);
      const other = await untilAborted(credentials.replace(used), signal);
      if (other === undefined) throw error;
      return this.send(operation, body, other, signal);
    }
  }

  /** Whether our clock turned out to be wrong: signatures carry AWS's time from now on. */
  private correctClock({ date }: AwsError): boolean {
    const nowMs = this.settings.clock.nowMs();
    const offsetMs = date === undefined ? NaN : Date.parse(date) - nowMs;
    if (!(Math.abs(offsetMs - this.clockOffsetMs) > maxClockSkewMs)) return false;
    this.clockOffsetMs = offsetMs;
    return true;
  }

  /** Drops every connection. */
  close(): Promise<void> {
    return this.pool.destroy();
  }

  private async send(
    operation: string,
    body: Buffer,
    credentials: AwsCredentials,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { service, clock } = this.settings;
    const { contentType, target: prefix } = services[service];
    const target = `${prefix}.${operation}`;
    const headers = this.signer.headersFor(
      { host: this.host, contentType, target, body },
      credentials,
      clock.nowMs() + this.clockOffsetMs,
    );
    const question = { headers, body, maxAnswerBytes: maxAnswerBytes(service, operation) };
    const { status, bytes, date } = await post(this.pool, question, signal);
    if (status === 200) return bytes;
    throw errorOf(status, bytes, date);
  }
}

/** What `promise` answers, or an `AbortError` as soon as the signal fires. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(aborted());
    };
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}

/** `__type` is `prefix#Name` or `Name`; a load balancer's answer is no JSON at all. */
function errorOf(status: number, bytes: Buffer, date: string | undefined): AwsError {
  const body = parsed(bytes);
  bytes.fill(0);
  const type = typeof body['__type'] === 'string' ? body['__type'] : '';
  const text = body['message'] ?? body['Message'];
  const name = type.slice(type.lastIndexOf('#') + 1) || (status < 500 ? 'SyntaxError' : 'ServerError');
  return new AwsError(name, status, typeof text === 'string' ? text : `status ${status}`, body, date);
}

function parsed(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
