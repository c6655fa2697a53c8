// Keys by POST, for callers whose ids must not stand in access logs: the same answers as by GET, and strictness about
// everything that a body brings with it.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { askRaw, begin, type HttpAnswer } from '../support/http-client.js';
import { nothingTouched, ServedApp } from '../support/served-app.js';
import { until } from '../support/until.js';

let app: ServedApp;
beforeEach(async () => {
  app = await ServedApp.start();
});
afterEach(async () => {
  await app.stop();
  expect(app.service.clock.pending).toBe(0);
});

const json = { 'content-type': 'application/json' };
const post = (body: string, headers: object = json, target = '/key'): Promise<HttpAnswer> =>
  app.ask({
    method: 'POST',
    target,
    headers: { authorization: app.bearer('read', 'create'), ...headers },
    body,
  });
const kindIn = ({ status, body }: HttpAnswer): unknown => [
  status,
  (JSON.parse(body) as { type: string }).type.replace('urn:rkms:problem:', ''),
];

describe.each(['/key', '/api/v1/key'])('POST %s', (path) => {
  it('answers with the same key as GET, and makes it when there is none', async () => {
    const posted = await post('{"id":"orders/7"}', json, path);
    const got = await app.get(`${path}?id=orders/7`);
    expect([posted.status, posted.body]).toEqual([200, got.body]);
    expect({ ...posted.headers, date: '', 'x-request-id': '' }).toEqual({
      ...got.headers,
      date: '',
      'x-request-id': '',
    });
    expect(app.service.audit.entries).toMatchObject([
      { id: 'orders/7', outcome: 'created' },
      { id: 'orders/7', outcome: 'opened' },
    ]);
  });

  it('asks for the same permissions as GET', async () => {
    const ask = (authorization: string): Promise<HttpAnswer> =>
      post('{"id":"absent"}', { ...json, authorization }, path);
    expect(kindIn(await ask(app.bearer('create')))).toEqual([403, 'access.denied']);
    expect(kindIn(await ask(app.bearer('read')))).toEqual([404, 'key.not-found']);
    expect(kindIn(await ask('Bearer x'))).toEqual([401, 'authentication.failed']);
  });

  it('takes a body in chunks, and the charset that JSON has anyway', async () => {
    const headers = {
      'transfer-encoding': 'chunked',
      'content-type': 'Application/JSON ; charset="UTF-8"',
      'content-encoding': 'identity',
    };
    expect((await post('{"id":"orders/7"}', headers, path)).status).toBe(200);
  });
});

describe('a POST that names no key is refused, and nothing is looked up', () => {
  afterEach(() => {
    expect(app.touched).toEqual(nothingTouched);
  });

  const body = '{"id":"a"}';
  it.each([
    ['with a query beside the body', body, json, '/key?id=a', 400, 'request.parameter-unknown'],
    ['with an empty query', body, json, '/key?', 400, 'request.parameter-unknown'],
    ['without a body', '', json, '/key', 400, 'request.body-invalid'],
    ['without a Content-Type', body, {}, '/key', 415, 'request.media-type-unsupported'],
    ['as a form', 'id=a', form('application/x-www-form-urlencoded'), '/key', 415, unsupported()],
    ['as text', body, form('text/plain'), '/key', 415, unsupported()],
    ['as other JSON', body, form('application/problem+json'), '/key', 415, unsupported()],
    ['in another charset', body, form('application/json; charset=utf-16'), '/key', 415, unsupported()],
    ['with two types', body, form('application/json, text/plain'), '/key', 415, unsupported()],
    ['compressed', body, { ...json, 'content-encoding': 'gzip' }, '/key', 415, unsupported()],
    ['with 1,025 bytes', `${body}${' '.repeat(1_015)}`, json, '/key', 413, 'request.body-too-large'],
    ['with the member twice', '{"id":"a","id":"a"}', json, '/key', 400, 'request.body-invalid'],
    ['with an id that is none', '{"id":"../x"}', json, '/key', 400, 'request.id-invalid'],
  ])('%s', async (_, sent, headers, target, status, kind) => {
    expect(kindIn(await post(sent, headers, target))).toEqual([status, kind]);
  });

  it('with more than 1,024 bytes in chunks, as soon as they are too many', async () => {
    const sent = begin(app.url, {
      method: 'POST',
      target: '/key',
      headers: { ...json, authorization: app.bearer('read'), 'transfer-encoding': 'chunked' },
      body: ' '.repeat(100_000),
    });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      sent.on('response', ({ statusCode }) => {
        resolve(statusCode);
      });
      sent.on('error', reject);
    });
    expect(status).toBe(413);
    sent.destroy();
  });

  it('whose body does not come within the time of a request, and its connection is closed', async () => {
    const head = `POST /key HTTP/1.1\r\nHost: a\r\nAuthorization: ${app.bearer('read')}\r\nContent-Type: application/json\r\n`;
    const answered = askRaw(app.url, `${head}Content-Length: 10\r\n\r\n{"id"`);
    await until(() => app.service.clock.pending > 0);
    await app.service.clock.advance(2_000);
    expect(await answered).toMatch(/^HTTP\/1\.1 408 [^]*Connection: close[^]*request\.too-slow/);
  });

  it('whose sender leaves in the middle of the body', async () => {
    const headers = { ...json, authorization: app.bearer('read'), 'content-length': '10' };
    const sent = begin(app.url, { method: 'POST', target: '/key', headers });
    sent.on('error', () => undefined);
    await until(() => app.service.clock.pending > 0);
    sent.destroy();
    await until(() => app.lines.length === 1);
    expect(app.lines).toMatchObject([{ callerLeft: true }]);
  });
});

describe('only POST to a key takes a body', () => {
  it.each([
    ['GET', '/key?id=a'],
    ['GET', '/livez'],
    ['GET', '/readyz'],
  ])('%s %s does not, and its connection is closed', async (method, target) => {
    const bytes = `${method} ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{`;
    expect(await askRaw(app.url, bytes)).toMatch(
      /^HTTP\/1\.1 400 [^]*Connection: close[^]*request\.body-unexpected/,
    );
  });
});

function form(type: string): object {
  return { 'content-type': type };
}

function unsupported(): string {
  return 'request.media-type-unsupported';
}
