// Every status that callers can get, byte for byte: headers and bodies change only together with this file.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { errAsync } from 'neverthrow';
import { askRaw } from '../support/http-client.js';
import { ServedApp } from '../support/served-app.js';

let app: ServedApp;
beforeAll(async () => {
  app = await ServedApp.start();
  await app.service.stored('golden', Buffer.alloc(32, 0x52));
});
afterEach(() => {
  app.ready = true;
  app.service.store.instead = {};
});
afterAll(() => app.stop());

const common = [
  'Cache-Control: no-store',
  "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy: no-referrer',
  'Vary: Authorization',
  'X-Content-Type-Options: nosniff',
  'X-Request-Id: golden-1',
  'Connection: close',
];

/** A whole answer; `Date` aside, headers in any order. */
interface Golden {
  readonly line: string;
  readonly more: readonly string[];
  readonly body: string;
}
const problem = (status: string, kind: string, title: string, detail: string, ...more: string[]): Golden => ({
  line: `HTTP/1.1 ${status}`,
  more: ['Content-Type: application/problem+json', ...more],
  body: `${JSON.stringify({
    type: `urn:rkms:problem:${kind}`,
    title,
    status: Number(status.slice(0, 3)),
    detail,
    requestId: 'golden-1',
    ...(kind === 'access.denied' ? { permission: 'read' } : {}),
  })}\n`,
});
const word = (status: string, text: string): Golden => ({
  line: `HTTP/1.1 ${status}`,
  more: ['Content-Type: text/plain; charset=utf-8'],
  body: text,
});
const key: Golden = {
  line: 'HTTP/1.1 200 OK',
  more: ['Content-Type: application/json; charset=utf-8', 'RKMS-Region: eu-central-1', 'RKMS-Copies: 3/3'],
  body: '{"id":"golden","version":1,"key":"UlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlI="}\n',
};

type Sent = readonly [
  method: string,
  target: string,
  allow: readonly ('read' | 'create')[] | undefined,
  ...rest: string[],
];

async function answerTo([method, target, allow, ...rest]: Sent): Promise<Golden> {
  const [body = '', ...headers] = [...rest].reverse();
  const token = allow === undefined ? [] : [`Authorization: ${app.bearer(...allow)}`];
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: a',
    'X-Request-Id: golden-1',
    'Connection: close',
    ...token,
    ...headers,
  ];
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const answer = await askRaw(app.url, `${[...lines, ...length].join('\r\n')}\r\n\r\n${body}`);
  const [head = '', answered = ''] = answer.split('\r\n\r\n');
  const [line = '', ...all] = head.split('\r\n');
  const kept = all.filter((each) => !/^(Date|Content-Length): /.test(each) && !common.includes(each));
  expect(all).toEqual(expect.arrayContaining(common));
  expect(all).toContain(`Content-Length: ${Buffer.byteLength(answered)}`);
  return { line, more: kept.sort(), body: answered };
}

const json = 'Content-Type: application/json';
const later = 'Try again after the number of seconds in Retry-After.';
const bearer = 'WWW-Authenticate: Bearer';

describe.each(['/key', '/api/v1/key'])('the answer of %s', (path) => {
  const cases: readonly (readonly [string, Sent, Golden])[] = [
    ['GET 200', ['GET', `${path}?id=golden`, ['read']], key],
    ['POST 200', ['POST', path, ['read'], json, '{"id":"golden"}'], key],
    [
      '400',
      ['GET', path, ['read']],
      problem('400 Bad Request', 'request.id-missing', 'Missing id', 'Send the id: /key?id=<id>.'),
    ],
    [
      'GET 401',
      ['GET', `${path}?id=golden`, undefined],
      problem(
        '401 Unauthorized',
        'authentication.failed',
        'Missing or invalid credentials',
        'Send either a valid token, "Authorization: Bearer ...", or a client certificate, not both.',
        bearer,
      ),
    ],
    [
      'POST 401',
      ['POST', path, undefined, json, '{"id":"golden"}'],
      problem(
        '401 Unauthorized',
        'authentication.failed',
        'Missing or invalid credentials',
        'Send either a valid token, "Authorization: Bearer ...", or a client certificate, not both.',
        bearer,
      ),
    ],
    [
      '403',
      ['GET', `${path}?id=golden`, ['create']],
      problem(
        '403 Forbidden',
        'access.denied',
        'Permission denied',
        'Ask the operator of this service for the permission. For keys it must include this id.',
      ),
    ],
    [
      '404',
      ['GET', `${path}?id=absent`, ['read']],
      problem(
        '404 Not Found',
        'key.not-found',
        'Key not found',
        'Check the id, or use a caller with the permission "create".',
      ),
    ],
    [
      '405',
      ['PUT', path, ['read']],
      problem(
        '405 Method Not Allowed',
        'request.method-not-allowed',
        'Method not allowed',
        'Use a method from the Allow header.',
        'Allow: GET, POST',
      ),
    ],
    [
      '413',
      ['POST', path, ['read'], json, 'x'.repeat(1_025)],
      problem(
        '413 Payload Too Large',
        'request.body-too-large',
        'Body too large',
        'Send at most 1,024 bytes.',
      ),
    ],
    [
      '414',
      ['GET', `${path}?id=${'a'.repeat(1_024)}`, ['read']],
      problem(
        '414 URI Too Long',
        'request.uri-too-long',
        'URI too long',
        'Send a path and query of at most 1,024 characters.',
      ),
    ],
    [
      '415',
      ['POST', path, ['read'], 'Content-Type: text/plain', '{"id":"golden"}'],
      problem(
        '415 Unsupported Media Type',
        'request.media-type-unsupported',
        'Unsupported media type',
        'Send the header "Content-Type: application/json" and no Content-Encoding.',
      ),
    ],
  ];
  it.each(cases)('%s', async (_, sent, expected) => {
    expect(await answerTo(sent)).toEqual({ ...expected, more: [...expected.more].sort() });
  });

  it('503, which says only that the store is unavailable', async () => {
    app.service.store.instead.find = () => errAsync({ kind: 'store.unavailable', cause: 'arn:aws:canary' });
    const { more, ...answer } = await answerTo(['GET', `${path}?id=golden`, ['read']]);
    const { line, body } = problem(
      '503 Service Unavailable',
      'store.unavailable',
      'The key store is unavailable',
      later,
    );
    expect(answer).toEqual({ line, body });
    expect(more).toEqual([
      'Content-Type: application/problem+json',
      expect.stringMatching(/^Retry-After: [123]$/),
    ]);
  });

  it('500, which has no details of the bug', async () => {
    app.service.store.instead.find = () => {
      throw new Error('canary');
    };
    expect(await answerTo(['GET', `${path}?id=golden`, ['read']])).toEqual(
      problem(
        '500 Internal Server Error',
        'internal',
        'Internal error',
        'Do not retry. Give the requestId to the operator of this service, who finds the cause in the log.',
      ),
    );
  });
});

describe('health checks', () => {
  it('get one word', async () => {
    expect(await answerTo(['GET', '/livez', undefined])).toEqual(word('200 OK', 'ok\n'));
    expect(await answerTo(['GET', '/readyz', undefined])).toEqual(word('200 OK', 'ok\n'));
    app.ready = false;
    expect(await answerTo(['GET', '/livez', undefined])).toEqual(word('200 OK', 'ok\n'));
    expect(await answerTo(['GET', '/readyz', undefined])).toEqual(
      word('503 Service Unavailable', 'not ready\n'),
    );
  });

  it.each(['/livez', '/readyz'])('by HEAD on %s get the headers alone', async (path) => {
    const { status, headers, body } = await app.ask({ method: 'HEAD', target: path });
    expect([status, headers['content-length'], body]).toEqual([200, '3', '']);
    app.ready = false;
    expect((await app.ask({ method: 'HEAD', target: '/readyz' })).status).toBe(503);
  });

  it('learn nothing from an unknown path', async () => {
    expect(await answerTo(['GET', '/metrics', undefined])).toEqual(
      problem('404 Not Found', 'request.path-unknown', 'Path not found', 'Keys are at /key?id=<id>.'),
    );
  });
});
