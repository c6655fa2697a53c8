// The ways in which a played region can fail: which calls a fault hits, and what becomes of a call it hits.
// Nothing here is random but the wrong plaintexts: the same calls always meet the same faults.
// It must never touch the key or the port, nor hold anything beyond the call it is given.
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { keyIdFrom, type KmsKey } from './kms-crypto.js';
import { KmsError, type Fields, type KeyState, type KmsAnswer } from './kms-operations.js';

/** The ways in which a region can fail. */
export type KmsFault =
  | 'refused' // the port is closed; healing listens on the same port again
  | 'reset' // the connection is reset after the request was read, before any answer
  | 'reset-mid-answer' // headers and half of the body, then a reset
  | 'silent' // reads, never answers
  | 'dripping' // headers, then one byte of the answer every 200 ms
  | 'slow' // the right answer after slowMs
  | 'server-error' // 503 with an HTML body, as a load balancer would
  | 'internal-error'
  | 'dependency-timeout'
  | 'key-unavailable'
  | 'throttled'
  | 'limit-exceeded'
  | 'disabled' // the crypto operations fail, DescribeKey shows the state
  | 'pending-deletion' // likewise
  | 'not-found'
  | 'access-denied'
  | 'expired-credentials'
  | 'invalid-request'
  | 'garbage' // 200 with a body that is not JSON
  | 'wrong-plaintext' // other random bytes of the same length, in Decrypt
  | 'wrong-length' // the plaintext is one byte short, in Decrypt and GenerateDataKey
  | 'wrong-key-id'; // the answer names another key
/** Which calls a fault hits: unless narrowed, each one it can concern. */
export interface KmsFaultOptions {
  /** Only (or, for the wrong plaintexts, instead) these operations. */
  readonly operations?: readonly string[];
  /** The share of the calls, 0 to 1, evenly spread. */
  readonly rate?: number;
  /** The delay of 'slow'. */
  readonly slowMs?: number;
  /** After so many hits the region heals by itself. */
  readonly times?: number;
}
/** One request which was read and not answered yet, and what can be done to it. */
export interface Exchange {
  readonly key: KmsKey;
  readonly operation: string;
  readonly response: ServerResponse;
  /** What a healthy region would answer. */
  answer(): KmsAnswer;
  /** Resets the connection. */
  reset(): void;
  /** Has the connection destroyed when the region is healed. */
  stick(): void;
  /** Acts later, unless the connection is gone by then. */
  later(ms: number, act: () => void): void;
}

type Reaction = (exchange: Exchange, slowMs: number) => void;

const JSON_TYPE = 'application/x-amz-json-1.1';
const DRIP_MS = 200;
const CRYPTO = ['GenerateDataKey', 'Encrypt', 'Decrypt'];
const NATURAL: Partial<Record<KmsFault, readonly string[]>> = {
  disabled: CRYPTO,
  'pending-deletion': CRYPTO,
  'wrong-plaintext': ['Decrypt'],
  'wrong-length': ['Decrypt', 'GenerateDataKey'],
};
const SHOWN: Partial<Record<KmsFault, KeyState>> = {
  disabled: 'Disabled',
  'pending-deletion': 'PendingDeletion',
};

const encode = (answer: KmsAnswer): Buffer => Buffer.from(JSON.stringify(answer.body), 'utf8');

function writeHead(response: ServerResponse, status: number, body: Buffer, type = JSON_TYPE): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
}

/** Puts an answer on the wire. */
export function send(response: ServerResponse, answer: KmsAnswer): void {
  const body = encode(answer);
  writeHead(response, answer.status, body);
  response.end(body);
}

function sendText(status: number, type: string, text: string): Reaction {
  const body = Buffer.from(text, 'utf8');
  return ({ response }) => {
    writeHead(response, status, body, type);
    response.end(body);
  };
}

const refuse =
  (type: string, message: (exchange: Exchange) => string, status = 400): Reaction =>
  (exchange) => {
    send(exchange.response, new KmsError(type, message(exchange), status).answer);
  };

const resetMidAnswer: Reaction = (exchange) => {
  const answer = exchange.answer();
  const body = encode(answer);
  writeHead(exchange.response, answer.status, body);
  exchange.response.write(body.subarray(0, body.length >> 1), () => {
    exchange.reset();
  });
};

const drip: Reaction = (exchange) => {
  const { response } = exchange;
  const answer = exchange.answer();
  const body = encode(answer);
  const dropFrom = (at: number): void => {
    exchange.later(DRIP_MS, () => {
      response.write(body.subarray(at, at + 1));
      if (at + 1 < body.length) dropFrom(at + 1);
      else response.end();
    });
  };
  exchange.stick();
  writeHead(response, answer.status, body);
  response.flushHeaders();
  dropFrom(0);
};

const slow: Reaction = (exchange, slowMs) => {
  const answer = exchange.answer();
  exchange.later(slowMs, () => {
    send(exchange.response, answer);
  });
};

const distort =
  (change: (body: Fields, key: KmsKey) => Fields): Reaction =>
  (exchange) => {
    const { status, body } = exchange.answer();
    send(exchange.response, { status, body: status === 200 ? change(body, exchange.key) : body });
  };

function withPlaintext(body: Fields, change: (plaintext: Buffer) => Buffer): Fields {
  const plaintext = body['Plaintext'];
  if (typeof plaintext !== 'string') return body;
  return { ...body, Plaintext: change(Buffer.from(plaintext, 'base64')).toString('base64') };
}

function otherBytes(plaintext: Buffer): Buffer {
  const other = randomBytes(plaintext.length);
  return other.equals(plaintext) ? otherBytes(plaintext) : other;
}

function withOtherKey(body: Fields, key: KmsKey): Fields {
  const other = keyIdFrom(`not ${key.keyId}`);
  const arn = key.arn.replace(key.keyId, other);
  const metadata = body['KeyMetadata'];
  if (typeof metadata !== 'object') return { ...body, KeyId: arn };
  return { ...body, KeyMetadata: { ...metadata, Arn: arn, KeyId: other } };
}

const REACTIONS: Readonly<Record<Exclude<KmsFault, 'refused'>, Reaction>> = {
  reset: (exchange) => {
    exchange.reset();
  },
  'reset-mid-answer': resetMidAnswer,
  silent: (exchange) => {
    exchange.stick();
  },
  dripping: drip,
  slow,
  'server-error': sendText(503, 'text/html', '<html><body><h1>503 Service Unavailable</h1></body></html>'),
  'internal-error': refuse('KMSInternalException', () => 'An internal error occurred', 500),
  'dependency-timeout': refuse('DependencyTimeoutException', () => 'A dependency timed out', 503),
  'key-unavailable': refuse('KeyUnavailableException', ({ key }) => `${key.arn} is unavailable.`, 500),
  throttled: refuse('ThrottlingException', () => 'Rate exceeded'),
  'limit-exceeded': refuse('LimitExceededException', () => 'A quota was exceeded'),
  disabled: refuse('DisabledException', ({ key }) => `${key.arn} is disabled.`),
  'pending-deletion': refuse('KMSInvalidStateException', ({ key }) => `${key.arn} is pending deletion.`),
  'not-found': refuse('NotFoundException', ({ key }) => `Key '${key.arn}' does not exist`),
  'access-denied': refuse(
    'AccessDeniedException',
    ({ key, operation }) => `User is not authorized to perform: kms:${operation} on resource: ${key.arn}`,
  ),
  'expired-credentials': refuse('ExpiredTokenException', () => 'The security token has expired'),
  'invalid-request': refuse('ValidationException', () => '1 validation error detected'),
  garbage: sendText(200, JSON_TYPE, 'not {json'),
  'wrong-plaintext': distort((body) => withPlaintext(body, otherBytes)),
  'wrong-length': distort((body) => withPlaintext(body, (plaintext) => plaintext.subarray(0, -1))),
  'wrong-key-id': distort(withOtherKey),
};

/** A fault in force: counts the calls it could hit and says which of them it does. */
export class FaultInForce {
  #seen = 0;
  #hits = 0;

  constructor(
    readonly fault: Exclude<KmsFault, 'refused'>,
    readonly options: KmsFaultOptions,
  ) {
    const { rate = 1, times = 1, slowMs = 0 } = options;
    if (!(rate >= 0 && rate <= 1 && times >= 0 && slowMs >= 0))
      throw new RangeError('no such rate, times or slowMs');
  }

  /** Whether its hits are used up. */
  get spent(): boolean {
    return this.#hits >= (this.options.times ?? Infinity);
  }

  /** The state DescribeKey shows while the fault lasts. */
  get keyState(): KeyState {
    const shows = this.options.operations?.includes('DescribeKey') ?? true;
    return (shows ? SHOWN[this.fault] : undefined) ?? 'Enabled';
  }

  /** Whether the next call of this operation is hit; counts it. */
  hits(operation: string): boolean {
    if (this.spent || !this.#concerns(operation)) return false;
    const before = this.#due();
    this.#seen += 1;
    if (this.#due() === before) return false;
    this.#hits += 1;
    return true;
  }

  /** Does to a call what the fault does. */
  strike(exchange: Exchange): void {
    REACTIONS[this.fault](exchange, this.options.slowMs ?? 500);
  }

  #due(): number {
    return Math.floor(this.#seen * (this.options.rate ?? 1) + 1e-9);
  }

  #concerns(operation: string): boolean {
    if (operation === 'DescribeKey' && this.fault in SHOWN) return false;
    return (this.options.operations ?? NATURAL[this.fault])?.includes(operation) ?? true;
  }
}
