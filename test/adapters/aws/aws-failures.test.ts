// The tables from errors to failures, on errors made by hand: every code and name, nested ones, and random junk.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { transportFailure } from '../../../src/adapters/aws/transport-failures.js';
import { kmsFailure } from '../../../src/adapters/aws/kms-failures.js';
import { readFailure, writeFailure } from '../../../src/adapters/dynamodb/dynamodb-failures.js';
import { manyRuns } from '../../support/tiers.js';

const coded = (code: string, more: object = {}): Error =>
  Object.assign(new Error('secret text'), { code, ...more });
const named = (name: string, more: object = {}): Error =>
  Object.assign(new Error('secret text'), { name, ...more });

const unavailable = (reason: string) => ({ kind: 'region.unavailable', reason });

describe('an error of the network', () => {
  test.each([
    ['ENOTFOUND', 'dns'],
    ['EAI_AGAIN', 'dns'],
    ['EAI_FAIL', 'dns'],
    ['ENODATA', 'dns'],
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'reset'],
    ['ECONNABORTED', 'reset'],
    ['EPIPE', 'reset'],
    ['ERR_STREAM_PREMATURE_CLOSE', 'reset'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ENETUNREACH', 'unreachable'],
    ['EHOSTDOWN', 'unreachable'],
    ['ENETDOWN', 'unreachable'],
    ['EADDRNOTAVAIL', 'unreachable'],
    ['ETIMEDOUT', 'timed-out'],
    ['ESOCKETTIMEDOUT', 'timed-out'],
  ])('%s makes the region unavailable: %s', (code, reason) => {
    const cause = coded(code);
    expect(transportFailure(cause)).toEqual({ ...unavailable(reason), cause });
    expect(kmsFailure(cause)).toEqual({ ...unavailable(reason), cause });
  });

  test('is known by the errors inside it, when several addresses were tried', () => {
    const cause = new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]);
    expect(transportFailure(cause)).toEqual({ ...unavailable('refused'), cause });
  });

  test('is known by its cause, and by the cause of its cause', () => {
    const once = new Error('x', { cause: coded('ECONNRESET') });
    const twice = new Error('x', { cause: once });
    const thrice = new Error('x', { cause: twice });
    expect(transportFailure(once)).toEqual({ ...unavailable('reset'), cause: once });
    expect(transportFailure(twice)).toEqual({ ...unavailable('reset'), cause: twice });
    expect(transportFailure(thrice)).toBeUndefined();
  });

  test('keeps its code when the SDK calls it a time-out', () => {
    const cause = named('TimeoutError', { code: 'ECONNRESET' });
    expect(transportFailure(cause)).toEqual({ ...unavailable('reset'), cause });
  });

  test('without a code is known as a time-out by its name', () => {
    const cause = named('TimeoutError');
    expect(transportFailure(cause)).toEqual({ ...unavailable('timed-out'), cause });
  });

  test('that is its own cause does not go round for ever', () => {
    const cause = new Error('x');
    cause.cause = cause;
    expect(kmsFailure(cause)).toEqual({ ...unavailable('unintelligible'), cause });
  });
});

describe('an error of TLS', () => {
  test.each([
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'CERT_UNTRUSTED',
    'CERT_SIGNATURE_FAILURE',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
    'EPROTO',
  ])('%s makes the region untrusted', (code) => {
    const cause = coded(code);
    expect(kmsFailure(cause)).toEqual({ kind: 'region.untrusted', cause });
    const nested = new Error('x', { cause });
    expect(kmsFailure(nested)).toEqual({ kind: 'region.untrusted', cause: nested });
  });

  test.each(['XCERT_HAS_EXPIRED', 'EPROTONOSUPPORT', 'cert_has_expired'])('%s is none', (code) => {
    expect(transportFailure(coded(code))).toBeUndefined();
  });
});

describe('an error of AWS', () => {
  test('is never known by its text', () => {
    const cause = new Error('ThrottlingException: ECONNRESET ExpiredTokenException AbortError');
    expect(transportFailure(cause)).toBeUndefined();
  });

  test('of a server is known by the status', () => {
    const cause = named('X', { $metadata: { httpStatusCode: 500 } });
    expect(transportFailure(cause)).toEqual({ ...unavailable('server-error'), cause });
    expect(transportFailure(named('X', { $metadata: { httpStatusCode: 499 } }))).toBeUndefined();
  });

  test('of a server is one even when its text could not be read', () => {
    const cause = named('SyntaxError', { $metadata: { httpStatusCode: 503 } });
    expect(transportFailure(cause)).toEqual({ ...unavailable('server-error'), cause });
  });

  test('with status 429 is a throttle, whatever its name', () => {
    const cause = named('X', { $metadata: { httpStatusCode: 429 } });
    expect(transportFailure(cause)).toEqual({ kind: 'region.throttled', cause });
  });

  test('whose name is that of a thing every object has is an unknown one', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(kmsFailure(named(name))).toMatchObject(unavailable('unintelligible'));
      expect(kmsFailure(coded(name))).toMatchObject(unavailable('unintelligible'));
    }
  });

  test('that ended by an abort tells nothing else, and keeps no cause', () => {
    expect(transportFailure(named('AbortError', { code: 'ECONNRESET' }))).toEqual({ kind: 'call.aborted' });
  });
});

describe('junk', () => {
  const junk = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true });
  const errors = fc
    .record({ name: junk, code: junk, $metadata: junk, cause: junk, errors: junk }, { requiredKeys: [] })
    .map((fields) => Object.assign(new Error('x'), fields));
  const anything = fc.oneof(
    junk,
    errors,
    fc.array(errors).map((inner) => new AggregateError(inner)),
  );

  test('is never thrown, and always makes a failure', () => {
    fc.assert(
      fc.property(anything, (cause) => {
        transportFailure(cause);
        expect(kmsFailure(cause)).toHaveProperty('kind');
        expect(readFailure(cause)).toHaveProperty('kind');
        expect(writeFailure(cause)).toHaveProperty('kind');
      }),
      { numRuns: manyRuns(1_000) },
    );
  });

  test('that is no error at all makes the region unavailable', () => {
    fc.assert(
      fc.property(junk, (cause) => {
        expect(kmsFailure(cause)).toEqual({ ...unavailable('unintelligible'), cause });
      }),
    );
  });
});

describe('an error of the store', () => {
  const misconfigured = [
    'ResourceNotFoundException',
    'AccessDeniedException',
    'AccessDenied',
    'ValidationException',
    'OptInRequired',
  ];

  test.each(misconfigured)('%s says what to change, for reads and writes alike', (name) => {
    const cause = named(name);
    const expected = { kind: 'store.misconfigured', detail: expect.stringMatching(/\w{3}/), cause };
    expect(readFailure(cause)).toEqual(expected);
    expect(writeFailure(cause)).toEqual(expected);
  });

  test.each(['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'])(
    '%s is a throttle, for reads and writes alike: nothing was written',
    (name) => {
      const cause = named(name);
      expect(readFailure(cause)).toEqual({ kind: 'store.throttled', cause });
      expect(writeFailure(cause)).toEqual({ kind: 'store.throttled', cause });
    },
  );

  test.each([
    ['a reset', coded('ECONNRESET'), 'reset'],
    ['a time-out', named('TimeoutError'), 'timed-out'],
    ['a bad certificate', coded('CERT_HAS_EXPIRED'), 'untrusted'],
    ['a server error', named('InternalServerError', { $metadata: { httpStatusCode: 500 } }), 'server-error'],
    ['an answer that cannot be read', named('SyntaxError'), 'unintelligible'],
  ])('%s makes a read fail and the outcome of a write unknown, and is named', (_, cause, reason) => {
    expect(readFailure(cause)).toEqual({ kind: 'store.unavailable', reason, cause });
    expect(writeFailure(cause)).toEqual({ kind: 'store.outcome-unknown', reason, cause });
  });

  test('that is unknown makes a read fail and the outcome of a write unknown', () => {
    const cause = named('SomethingUnheardOf');
    expect(readFailure(cause)).toEqual({ kind: 'store.unavailable', cause });
    expect(writeFailure(cause)).toEqual({ kind: 'store.outcome-unknown', cause });
  });

  test('an abort ends a read, and leaves the outcome of a write unknown', () => {
    const cause = named('AbortError');
    expect(readFailure(cause)).toEqual({ kind: 'call.aborted' });
    expect(writeFailure(cause)).toEqual({ kind: 'store.outcome-unknown', cause });
  });
});
