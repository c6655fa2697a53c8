// Telemetry as log lines: the fields of each line, and that no line quotes the text of an unsafe error.
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import { causeFacts, failureFacts } from '../../../src/adapters/pino/log-facts.js';
import { PinoTelemetry } from '../../../src/adapters/pino/pino-telemetry.js';
import type { VaultFailure } from '../../../src/domain/failures/region-failures.js';
import type { RequestAnswered, TelemetryEvent } from '../../../src/ports/telemetry.js';
import { callerId, keyId, keyVersion, region } from '../../support/names.js';

type Line = Readonly<Record<string, unknown>>;

function logged(...events: readonly TelemetryEvent[]): {
  readonly lines: readonly Line[];
  readonly text: string;
} {
  const chunks: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk.toString());
      done();
    },
  });
  const telemetry = new PinoTelemetry(pino({ level: 'debug', base: null, timestamp: false }, sink));
  for (const event of events) telemetry.record(event);
  return { lines: chunks.map((chunk) => JSON.parse(chunk) as Line), text: chunks.join('') };
}

const eu = region('eu-west-1');
const us = region('us-east-1');
const id = keyId('orders/7');
const [debug, info, warn, error] = [20, 30, 40, 50];

const call = (failure?: VaultFailure): TelemetryEvent => ({
  event: 'vault.call',
  region: eu,
  operation: 'decrypt',
  durationMs: 12.345_678,
  ...(failure && { failure }),
});

const unknown: RequestAnswered = {
  event: 'request.answered',
  requestId: 'r-1',
  route: '/key',
  method: 'GET',
  status: 200,
  durationMs: 12.345_678,
  callerLeft: false,
};
const answered: RequestAnswered = { ...unknown, caller: callerId('billing'), authentication: 'jwt' };

const secret = 'SECRET-canary';

describe('a line', () => {
  test('about a successful KMS call has region, operation and duration', () => {
    expect(logged(call()).lines).toEqual([
      { level: debug, region: 'eu-west-1', operation: 'decrypt', durationMs: 12.3, msg: 'KMS call' },
    ]);
  });

  test('about a failed KMS call also has the kind, the reason and the safe part of the cause', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    expect(logged(call({ kind: 'region.unavailable', reason: 'refused', cause })).lines).toEqual([
      {
        level: warn,
        region: 'eu-west-1',
        operation: 'decrypt',
        durationMs: 12.3,
        kind: 'region.unavailable',
        reason: 'refused',
        cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
        msg: 'KMS call failed',
      },
    ]);
  });

  test('about a store call has region, operation and duration, and the failure', () => {
    const stored = { event: 'store.call', region: eu, operation: 'insert', durationMs: 12.345_678 } as const;
    const failure = { kind: 'store.outcome-unknown', cause: 'timed out' } as const;
    const facts = { region: 'eu-west-1', operation: 'insert', durationMs: 12.3 };
    expect(logged(stored, { ...stored, failure }).lines).toEqual([
      { level: debug, ...facts, msg: 'store call' },
      { level: warn, ...facts, kind: 'store.outcome-unknown', cause: 'timed out', msg: 'store call failed' },
    ]);
  });

  test('about a store region that changed differs from one about a KMS region', () => {
    const change = { region: eu, from: 'healthy', to: 'open', why: 'region.unavailable' } as const;
    const lines = (['region.transition', 'store-region.transition'] as const).map(
      (event) => logged({ event, ...change }).lines,
    );
    expect(lines).toEqual([
      [{ level: warn, ...change, msg: 'region changed' }],
      [{ level: warn, ...change, msg: 'store region changed' }],
    ]);
  });

  test('about a created key names the key, and the regions without a copy', () => {
    expect(
      logged({ event: 'key.created', id, missing: [] }, { event: 'key.created', id, missing: [us] }).lines,
    ).toEqual([
      { level: debug, id: 'orders/7', msg: 'key created in every region' },
      { level: warn, id: 'orders/7', missing: ['us-east-1'], msg: 'key created without every region' },
    ]);
  });

  test('about a refused creation has the failure of each region', () => {
    const attempts = [
      { region: eu, failure: { kind: 'region.throttled', cause: new Error(secret) } },
    ] as const;
    const failure = { kind: 'regions.below-quorum', proven: 1, quorum: 2, attempts } as const;
    const { lines, text } = logged({ event: 'key.creation-refused', id, failure });
    expect(lines).toEqual([
      {
        level: error,
        id: 'orders/7',
        proven: 1,
        quorum: 2,
        attempts: [{ region: 'eu-west-1', kind: 'region.throttled', cause: { name: 'Error' } }],
        msg: 'key not created: too few regions have a verified copy',
      },
    ]);
    expect(text).not.toContain(secret);
  });

  test('about a repaired key has the changed regions', () => {
    const change = { id, version: keyVersion(1), added: [eu], replaced: [us], dropped: [] };
    expect(logged({ event: 'key.repaired', ...change }).lines).toEqual([
      { level: info, ...change, msg: 'key repaired' },
    ]);
  });

  test('about a failed repair has the failure of each region and of the whole', () => {
    const failed = [{ region: eu, failure: { kind: 'region.throttled', cause: new Error(secret) } }] as const;
    const event = { event: 'key.repair-failed', id, version: keyVersion(1), failed } as const;
    const { lines, text } = logged(event, {
      ...event,
      failed: [],
      failure: { kind: 'store.revision-stale' },
    });
    const line = { level: warn, id: 'orders/7', version: 1, msg: 'key still has missing copies' };
    expect(lines).toEqual([
      { ...line, failed: [{ region: 'eu-west-1', kind: 'region.throttled', cause: { name: 'Error' } }] },
      { ...line, failed: [], kind: 'store.revision-stale' },
    ]);
    expect(text).not.toContain(secret);
  });

  test('about a record that the store lost has the id and what to do', () => {
    expect(logged({ event: 'record.lost', id }).lines).toEqual([
      { level: error, id, msg: 'the store lost the record of a key: restore it from a backup' },
    ]);
  });

  test('about a full repair queue has the number of dropped keys and what to do', () => {
    expect(logged({ event: 'repairs.dropped', count: 3 }).lines).toEqual([
      { level: warn, count: 3, hint: 'run rkms repair', msg: 'the repair queue is full' },
    ]);
  });

  test('about a request has the caller, the route, the outcome and the effort', () => {
    const served = { region: eu, created: false, copies: 2, regions: 3, attempts: 2, hedged: true } as const;
    expect(logged({ ...answered, served }).lines).toEqual([
      {
        level: info,
        requestId: 'r-1',
        caller: 'billing',
        authentication: 'jwt',
        method: 'GET',
        route: '/key',
        status: 200,
        durationMs: 12.3,
        region: 'eu-west-1',
        created: false,
        copies: '2/3',
        attempts: 2,
        hedged: true,
        msg: 'request',
      },
    ]);
  });

  test('about a failed request has the reason, and is an error only when RKMS failed', () => {
    const facts = { requestId: 'r-1', method: 'GET', route: '/key', durationMs: 12.3 };
    const known = { ...facts, caller: 'billing', authentication: 'jwt' };
    const refused = { ...unknown, status: 401, failure: { kind: 'authentication.failed' } };
    const failed = { ...answered, status: 503, failure: { kind: 'store.unavailable', cause: 'timed out' } };
    const left = { ...answered, callerLeft: true, status: 503, failure: { kind: 'call.aborted' } };
    expect(logged(refused, failed, left).lines).toEqual([
      { level: info, ...facts, status: 401, kind: 'authentication.failed', msg: 'request' },
      {
        level: error,
        ...known,
        status: 503,
        kind: 'store.unavailable',
        cause: 'timed out',
        msg: 'request failed',
      },
      {
        level: info,
        ...known,
        status: 503,
        kind: 'call.aborted',
        msg: 'caller disconnected before the response',
      },
    ]);
  });

  test('about a bug has where it was thrown, and nothing of its message', () => {
    const bug = new TypeError(secret);
    const { lines, text } = logged({ ...answered, status: 500, failure: { kind: 'internal' }, bug });
    const stack = expect.arrayContaining([expect.stringMatching(/pino-telemetry\.test/)]);
    expect(lines).toMatchObject([
      {
        level: error,
        kind: 'internal',
        bug: { name: 'TypeError' },
        stack,
        msg: 'request failed: bug in RKMS',
      },
    ]);
    expect(text).not.toContain(secret);
  });

  test('never has a field that its event does not declare', () => {
    const more = { key: secret, plaintext: Buffer.from(secret), ...call({ kind: 'region.throttled' }) };
    const failure = { kind: 'region.untrusted', key: secret, attempts: [secret] } as VaultFailure;
    const created = { event: 'key.created', id, missing: [], key: secret } as TelemetryEvent;
    const asked = { ...answered, id: secret, authorization: secret } as TelemetryEvent;
    const { lines, text } = logged(more, call(failure), created, asked);
    expect(lines).toHaveLength(4);
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString('base64'));
  });
});

describe('the text of an error', () => {
  const parserError = (): SyntaxError => {
    try {
      JSON.parse(secret);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return thrown;
    }
    throw new Error('JSON took it');
  };

  test('of a parser is never logged: it quotes what it was parsing', () => {
    expect(parserError().message).toContain('SECRET');
    const guises = [
      parserError(),
      Object.assign(parserError(), { $fault: 'client', $metadata: {}, $response: secret }),
      Object.assign(parserError(), { $metadata: { httpStatusCode: 200 } }),
    ];
    for (const cause of guises) {
      const { text } = logged(call({ kind: 'region.unavailable', reason: 'unintelligible', cause }));
      expect(text).toContain('SyntaxError');
      expect(text).not.toContain('SECRET');
    }
  });

  test('from AWS is logged', () => {
    const cause = Object.assign(new Error('the key is disabled'), {
      name: 'DisabledException',
      $fault: 'client',
    });
    expect(causeFacts(cause)).toEqual({ name: 'DisabledException', message: 'the key is disabled' });
  });

  test('from the operating system or SQLite is logged, with its code', () => {
    const ofSystem = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' });
    const ofSqlite = Object.assign(new Error('locked'), { code: 'ERR_SQLITE_ERROR', errcode: 5 });
    expect(causeFacts(ofSystem)).toEqual({ name: 'Error', code: 'ENOSPC', message: 'no space' });
    expect(causeFacts(ofSqlite)).toEqual({ name: 'Error', code: 'ERR_SQLITE_ERROR', message: 'locked' });
  });

  test('from anywhere else is not logged, nor are its cause and stack', () => {
    const cause = new TypeError(secret, { cause: new Error(secret) });
    expect(causeFacts(cause)).toEqual({ name: 'TypeError' });
  });
});

describe('causeFacts of anything', () => {
  test('that is not an error is its text or its type', () => {
    expect(['PendingDeletion', 7, undefined, null, { secret }, [secret]].map(causeFacts)).toEqual([
      'PendingDeletion',
      'number',
      'undefined',
      'object',
      'object',
      'object',
    ]);
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (cause) => {
        expect(() => JSON.stringify(failureFacts({ kind: 'x', cause } as { kind: string }))).not.toThrow();
      }),
    );
  });
});
