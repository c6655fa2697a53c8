// Bad input over real HTTP: a status and a problem document that says what to change, and nothing behind the app is
// called or created.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, askRaw, type HttpAnswer } from '../support/http-client.js';
import { nothingTouched, ServedApp } from '../support/served-app.js';

let app: ServedApp;
beforeAll(async () => {
  app = await ServedApp.start();
});
afterEach(() => {
  expect(app.touched).toEqual(nothingTouched);
  expect(app.service.store.rows.size).toBe(0);
});
afterAll(() => app.stop());

const problemIn = ({ status, headers, body }: HttpAnswer): unknown => {
  expect(headers['content-type']).toBe('application/problem+json');
  const problem = JSON.parse(body) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, requestId: headers['x-request-id'] });
  expect(problem['title']).toMatch(/./);
  expect(problem['detail']).toMatch(/./);
  return [status, problem['type']];
};
const refusal = (status: number, kind: string): unknown => [status, `urn:rkms:problem:${kind}`];

describe.each(['/key', '/api/v1/key'])('a request for %s', (path) => {
  it.each([
    ['without a query', '', 400, 'request.id-missing'],
    ['with an empty query', '?', 400, 'request.id-missing'],
    ['with an empty id', '?id=', 400, 'request.id-missing'],
    ['with two ids', '?id=a&id=b', 400, 'request.id-repeated'],
    ['with an id of 256 characters', `?id=${'a'.repeat(256)}`, 400, 'request.id-invalid'],
    ['with an id outside the grammar', '?id=%2e%2e%2fetc', 400, 'request.id-invalid'],
    ['with raw bytes beyond ASCII', '?id=\u00e9', 400, 'request.malformed'],
    ['with a line feed in the id', '?id=a%0d%0aX:%20y', 400, 'request.id-invalid'],
    ['with a lone percent sign', '?id=%', 400, 'request.encoding-invalid'],
    ['with half an escape', '?id=%2', 400, 'request.encoding-invalid'],
    ['with an escape that is none', '?id=%zz', 400, 'request.encoding-invalid'],
    ['with an escape that is no UTF-8', '?id=%ff', 400, 'request.encoding-invalid'],
    ['with overlong UTF-8', '?id=%c0%af', 400, 'request.encoding-invalid'],
    ['with a raw plus', '?id=a+b', 400, 'request.encoding-invalid'],
    ['with an unknown parameter', '?id=a&v=1', 400, 'request.parameter-unknown'],
    ['with a token in the query', '?id=a&access_token=rkms_x', 400, 'request.parameter-unknown'],
    ['with the parameter in disguise', '?%69d=a', 400, 'request.parameter-unknown'],
    ['with an ampersand at the end', '?id=a&', 400, 'request.parameter-unknown'],
    ['with a fragment', '?id=a#b', 400, 'request.malformed'],
    ['with a target of more than 1,024 characters', `?id=${'%61'.repeat(350)}`, 414, 'request.uri-too-long'],
    ['below the path', '/a?id=a', 404, 'request.path-unknown'],
    ['with a slash at the end', '/?id=a', 404, 'request.path-unknown'],
  ])('%s is refused', async (_, rest, status, kind) => {
    expect(problemIn(await app.get(`${path}${rest}`))).toEqual(refusal(status, kind));
  });

  it.each(['OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY', 'PROPFIND'])(
    'by %s is refused, and Allow names GET and POST',
    async (method) => {
      const headers = { authorization: app.bearer('read', 'create') };
      const answer = await app.ask({ method, target: `${path}?id=a`, headers });
      expect(problemIn(answer)).toEqual(refusal(405, 'request.method-not-allowed'));
      expect(answer.headers.allow).toBe('GET, POST');
    },
  );

  it('by HEAD is refused without a body', async () => {
    const headers = { authorization: app.bearer('read', 'create') };
    const {
      status,
      headers: answered,
      body,
    } = await app.ask({ method: 'HEAD', target: `${path}?id=a`, headers });
    expect([status, answered.allow, body]).toEqual([405, 'GET, POST', '']);
  });

  it.each([
    ['of known length', { 'content-length': '2' }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('with a body %s is refused', async (_, framing) => {
    const headers = { authorization: app.bearer('read', 'create'), ...framing };
    const answer = await app.ask({ target: `${path}?id=a`, headers, body: '{}' });
    expect(problemIn(answer)).toEqual(refusal(400, 'request.body-unexpected'));
  });
});

describe('a path', () => {
  it.each([
    ...[
      '/',
      '/KEY?id=a',
      '/Key?id=a',
      '//key?id=a',
      '/key/?id=a',
      '/%6bey?id=a',
      '/key%3fid=a',
      '/./key?id=a',
    ],
    ...[
      '/api/v1/Key?id=a',
      '/api//v1/key?id=a',
      '/api/v2/key?id=a',
      '/keys',
      '/livez/',
      '/LIVEZ',
      '/readyz/',
    ],
    ...['/api/v1/livez', '/metrics', '/favicon.ico', '/key;id=a', '/key&id=a'],
  ])('that is not exactly a known one leads nowhere: %s', async (target) => {
    expect(problemIn(await app.get(target))).toEqual(refusal(404, 'request.path-unknown'));
  });

  it.each(['http://127.0.0.1/key?id=a', 'key?id=a', '*'])(
    'that does not start with a slash is malformed: %s',
    async (target) => {
      expect(problemIn(await app.get(target))).toEqual(refusal(400, 'request.malformed'));
    },
  );
});

describe('a request without valid credentials', () => {
  const withoutId = ({ status, headers, body }: HttpAnswer): unknown => {
    const requestId = headers['x-request-id'];
    const all = { status, headers: { ...headers, date: 'now' }, body };
    return JSON.parse(JSON.stringify(all).replaceAll(String(requestId), 'id')) as unknown;
  };
  const token = (): string => app.bearer('read', 'create').replace('Bearer ', '');

  it('gets the same answer on every path of keys, whatever was wrong', async () => {
    const good = token();
    const stranger = token().slice(0, -6);
    const attempts = {
      none: undefined,
      empty: '',
      'another scheme': 'Basic dXNlcjpwYXNz',
      'no scheme': good,
      'no token': 'Bearer ',
      'two tokens': `Bearer ${good} ${good}`,
      'a list': `Bearer ${good}, Bearer ${good}`,
      'a broken checksum': `Bearer ${stranger}AAAAAA`,
      'a shortened token': `Bearer ${good.slice(0, -1)}`,
      'an unknown token': `Bearer ${(await unknownToken()).replace('Bearer ', '')}`,
      'very much': `Bearer ${'a'.repeat(4_000)}`,
    };
    const answers = [];
    for (const path of ['/key', '/api/v1/key']) {
      for (const authorization of Object.values(attempts)) {
        const headers = authorization === undefined ? {} : { authorization };
        answers.push(await app.ask({ target: `${path}?id=a`, headers }));
      }
    }
    const [first, ...others] = answers;
    if (first === undefined) throw new Error('nothing was asked');
    expect(problemIn(first)).toEqual(refusal(401, 'authentication.failed'));
    expect(first.headers['www-authenticate']).toBe('Bearer');
    for (const other of others) expect(withoutId(other)).toEqual(withoutId(first));
  });

  it('learns nothing about the query: a bad one without a token is a missing token', async () => {
    const answer = await app.ask({ target: '/key?id=%zz' });
    expect(problemIn(answer)).toEqual(refusal(401, 'authentication.failed'));
  });

  it.each(['x-api-key', 'cookie', 'proxy-authorization', 'x-amz-security-token'])(
    'cannot send the token in another header: %s',
    async (name) => {
      const answer = await app.ask({ target: '/key?id=a', headers: { [name]: `Bearer ${token()}` } });
      expect(problemIn(answer)).toEqual(refusal(401, 'authentication.failed'));
    },
  );

  /** A well-formed token of another service. */
  async function unknownToken(): Promise<string> {
    const other = await ServedApp.start();
    await other.stop();
    return other.bearer('read', 'create');
  }
});

describe('malformed HTTP', () => {
  const end = '\r\n\r\n';
  const authorised = (): string => `Authorization: ${app.bearer('read', 'create')}\r\n`;

  it.each([
    ['that are no HTTP', `HELLO${end}`],
    ['of a TLS client', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    [
      'with both lengths',
      `GET /key?id=a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked${end}`,
    ],
    ['with two lengths', `GET /key?id=a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 1${end}`],
    ['with bare line feeds', 'GET /key?id=a HTTP/1.1\nHost: a\n\n'],
    ['with a space before a colon', `GET /key?id=a HTTP/1.1\r\nHost : a${end}`],
    ['with a NUL in the target', `GET /key?id=\0 HTTP/1.1\r\nHost: a${end}`],
    ['with a space in the target', `GET /key?id=a b HTTP/1.1\r\nHost: a${end}`],
    ['with a version that does not exist', `GET /key?id=a HTTP/9.9\r\nHost: a${end}`],
  ])('%s get a problem document, and the connection is closed', async (_, bytes) => {
    const [head = '', body = ''] = (await askRaw(app.url, bytes)).split(end);
    expect(JSON.parse(body)).toMatchObject({ type: 'urn:rkms:problem:request.malformed', status: 400 });
    const { requestId } = JSON.parse(body) as { requestId: string };
    expect(head.split('\r\n').sort()).toEqual(
      [
        'HTTP/1.1 400 Bad Request',
        'Cache-Control: no-store',
        'Connection: close',
        `Content-Length: ${body.length}`,
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        'Content-Type: application/problem+json',
        'Referrer-Policy: no-referrer',
        'Vary: Authorization',
        'X-Content-Type-Options: nosniff',
        `X-Request-Id: ${requestId}`,
      ].sort(),
    );
  });

  it.each([
    ['a header', `GET /key?id=a HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(9_000)}${end}`],
    ['a target', `GET /key?id=${'y'.repeat(9_000)} HTTP/1.1\r\nHost: a${end}`],
  ])('with %s of 9,000 bytes gets 431', async (_, bytes) => {
    const [head = '', body = ''] = (await askRaw(app.url, bytes)).split(end);
    expect(head).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(JSON.parse(body)).toMatchObject({ type: 'urn:rkms:problem:request.headers-too-large' });
  });

  it.each([
    ['no Host in HTTP/1.1', 'HTTP/1.1\r\n'],
    ['two Hosts', 'HTTP/1.1\r\nHost: a\r\nHost: b\r\n'],
    ['no Host in HTTP/2.0', 'HTTP/2.0\r\n'],
  ])('with %s get a problem document like any other', async (_, rest) => {
    const answer = await askRaw(app.url, `GET /key?id=a ${rest}${authorised()}Connection: close${end}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('Cache-Control: no-store');
    expect(answer).toContain('"type":"urn:rkms:problem:request.malformed"');
  });

  it.each(['Expect: tea', 'Expect: 100-continue', 'Upgrade: websocket\r\nConnection: upgrade, close'])(
    'with an unknown expectation is answered like any other: %s',
    async (header) => {
      const answer = await askRaw(
        app.url,
        `GET /key HTTP/1.1\r\nHost: a\r\n${header}\r\nConnection: close${end}`,
      );
      expect(answer).toMatch(/^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 401 /);
      expect(answer).toContain('Cache-Control: no-store');
    },
  );

  it('that asks for a tunnel is disconnected', async () => {
    expect(await askRaw(app.url, `CONNECT a:443 HTTP/1.1\r\nHost: a${end}`)).toBe('');
  });

  it('that end in the middle of a request get no key', async () => {
    const { hostname } = new URL(app.url);
    expect(hostname).toBe('127.0.0.1');
    const half = `GET /key?id=a HTTP/1.1\r\nHost: a\r\n${authorised()}`;
    expect(await askRaw(app.url, `${half}\x00`)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a hostile X-Request-Id', () => {
  it.each([
    ['is too long', 'a'.repeat(65)],
    ['is empty', ''],
    ['breaks out of JSON', '","key":"'],
    ['has a space', 'a b'],
    ['has bytes beyond ASCII', '\u00e9'],
    ['is a path', '../../etc/passwd'],
    ['comes twice', ['a', 'b']],
  ])('that %s is replaced by one of our own', async (_, sent) => {
    const answer = await ask(app.url, { target: '/key', headers: { 'x-request-id': sent } });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(JSON.parse(answer.body)).toMatchObject({ requestId: answer.headers['x-request-id'] });
  });

  it('is replaced, but a valid one is used', async () => {
    const harmless = `r-${'aZ9._-'.repeat(10)}.1`;
    const answer = await ask(app.url, { target: '/key', headers: { 'x-request-id': harmless } });
    expect(answer.headers['x-request-id']).toBe(harmless);
    expect(JSON.parse(answer.body)).toMatchObject({ requestId: harmless });
  });
});
