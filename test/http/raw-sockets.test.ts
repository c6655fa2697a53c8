// Bytes on a raw socket that play tricks on parsers: each is refused by the first layer that sees it, the connection is
// closed where it could be out of step, and nothing of it reaches a vault or the store.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { askRaw } from '../support/http-client.js';
import { nothingTouched, ServedApp } from '../support/served-app.js';

let app: ServedApp;
let authorised: string;
beforeAll(async () => {
  app = await ServedApp.start();
  authorised = `Authorization: ${app.bearer('read', 'create')}\r\n`;
});
afterAll(() => app.stop());

/** The status and kind of every answer on the connection, up to its end. */
const answersTo = async (bytes: string): Promise<readonly string[]> => kindsIn(await askRaw(app.url, bytes));
const kindsIn = (answered: string): readonly string[] =>
  answered
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((part) => part !== '')
    .map((part) => {
      const [, status = part] = /^HTTP\/1\.1 (\d{3}) /.exec(part) ?? [];
      const [, kind = ''] = /urn:rkms:problem:request\.([a-z-]+)/.exec(part) ?? [];
      return `${status} ${kind}`.trim();
    });

const end = '\r\n\r\n';
const get = 'GET /key?id=a HTTP/1.1\r\nHost: a\r\n';
const close = 'Connection: close\r\n';
const with_ =
  (...lines: readonly string[]): (() => string) =>
  () =>
    `${get}${authorised}${lines.join('\r\n')}${end}`;
const line =
  (target: string, method = 'GET', version = 'HTTP/1.1'): (() => string) =>
  () =>
    `${method} ${target} ${version}\r\nHost: a\r\n${authorised}${close}\r\n`;
const post =
  (framing: string, body: string): (() => string) =>
  () =>
    `POST /key HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${authorised}${close}${framing}${end}${body}`;
const malformed = ['400 malformed'];

const cases: readonly (readonly [string, () => string, readonly string[]])[] = [
  // Two lengths: what one parser takes for a body is a request to another.
  ['both lengths', with_('Content-Length: 5', 'Transfer-Encoding: chunked'), malformed],
  ['both lengths, the other way round', with_('Transfer-Encoding: chunked', 'Content-Length: 5'), malformed],
  ['two lengths', with_('Content-Length: 0', 'Content-Length: 5'), malformed],
  ['the same length twice', with_('Content-Length: 5', 'Content-Length: 5'), malformed],
  ['a list of lengths', with_('Content-Length: 5, 5'), malformed],
  ['a negative length', with_('Content-Length: -1'), malformed],
  ['a length with a sign', with_('Content-Length: +5'), malformed],
  ['a length in hexadecimal', with_('Content-Length: 0x5'), malformed],
  ['a length with a space within', with_('Content-Length: 1 0'), malformed],
  ['a length that no number holds', with_(`Content-Length: ${'9'.repeat(30)}`), malformed],
  ['an empty length', with_('Content-Length: '), malformed],
  ['an unknown coding', with_('Transfer-Encoding: identity', close.trim()), malformed],
  ['chunked that is not last', with_('Transfer-Encoding: chunked, gzip'), malformed],
  ['chunked in disguise', with_('Transfer-Encoding: xchunked'), malformed],
  ['chunked with a tab', with_('Transfer-Encoding:\tchunked\t', close.trim()), malformed],
  ['two codings', with_('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'), malformed],
  ['a space before the colon', with_('Transfer-Encoding : chunked'), malformed],
  ['a coding behind a vertical tab', with_('Transfer-Encoding: \x0bchunked'), malformed],
  ['a body with GET', with_('Content-Length: 5', close.trim()), ['400 body-unexpected']],
  // Lines.
  ['bare line feeds', () => `GET /key?id=a HTTP/1.1\nHost: a\n${authorised.trim()}\n\n`, malformed],
  ['one bare line feed', with_('X: a\nY: b'), malformed],
  ['one bare carriage return', with_('X: a\rY: b'), malformed],
  ['a bare line feed at the end', () => `${get}${authorised}X: a\n\n`, malformed],
  ['a folded header', with_('X: a', ' b'), malformed],
  ['a folded header with a tab', with_('X: a', '\tb'), malformed],
  ['a folded Authorization', () => `${get}Authorization: Bearer\r\n ${authorised.slice(22)}\r\n`, malformed],
  ['a space before the first header', () => `GET /key?id=a HTTP/1.1\r\n Host: a${end}`, malformed],
  ['a header without a colon', with_('X'), malformed],
  ['a header without a name', with_(': a'), malformed],
  ['a name with a space', with_('X Y: a'), malformed],
  ['a name beyond ASCII', with_('X\xe9: a'), malformed],
  ['a name with a NUL', with_('X\0: a'), malformed],
  ['a value with a NUL', with_('X: a\0b'), malformed],
  ['a value with an escape character', with_('X: a\x1bb'), malformed],
  ['a value with a delete character', with_('X: a\x7fb'), malformed],
  // What must come once.
  ['two Hosts', with_('Host: a', close.trim()), malformed],
  ['no Host', () => `GET /key?id=a HTTP/1.1\r\n${authorised}${close}\r\n`, malformed],
  ['two ids', line('/key?id=a&id=b'), ['400 id-repeated']],
  ['the same id twice', line('/key?id=a&id=a'), ['400 id-repeated']],
  ['two Authorizations', () => `${get}${authorised}${authorised}${close}\r\n`, ['401']],
  ['a second, empty Authorization', with_('Authorization:', close.trim()), ['401']],
  // Targets.
  ['an absolute target', line('http://a/key?id=a'), malformed],
  ['an absolute target elsewhere', line('https://evil.example/key?id=a'), malformed],
  ['an asterisk', line('*', 'OPTIONS'), malformed],
  ['a target without its slash', line('key?id=a'), malformed],
  ['an empty target', line(''), malformed],
  ['a target in two parts', line('/key?id=a b'), malformed],
  ['a tab in the target', line('/key?id=a\tb'), malformed],
  ['a NUL in the target', line('/key?id=a\0'), malformed],
  ['a line feed in the target', line('/key?id=a\n'), malformed],
  ['bytes beyond ASCII in the target', line('/key?id=\xe9'), malformed],
  ['a fragment', line('/key?id=a#b'), malformed],
  ['a backslash', line('/key\\?id=a'), ['404 path-unknown']],
  ['a network path', line('//evil.example/key?id=a'), ['404 path-unknown']],
  ['dots in the path', line('/x/../key?id=a'), ['404 path-unknown']],
  // Methods and versions.
  ['a method in small letters', line('/key?id=a', 'get'), malformed],
  ['a method that does not exist', line('/key?id=a', 'STEAL'), malformed],
  ['a method with a space before it', () => ` ${get}${end}`, malformed],
  ['HTTP/2.0', line('/key?id=a', 'GET', 'HTTP/2.0'), malformed],
  ['HTTP/1.2', line('/key?id=a', 'GET', 'HTTP/1.2'), malformed],
  ['HTTP/0.9 by name', line('/key?id=a', 'GET', 'HTTP/0.9'), malformed],
  ['HTTP/0.9', () => 'GET /key?id=a\r\n\r\n', malformed],
  ['a version in small letters', line('/key?id=a', 'GET', 'http/1.1'), malformed],
  ['another protocol', line('/key?id=a', 'GET', 'RTSP/2.0'), malformed],
  ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', malformed],
  ['the hello of TLS', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', malformed],
  ['the line of a PROXY protocol', () => `PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n${get}${end}`, malformed],
  ['an SSH client', () => 'SSH-2.0-OpenSSH_9.0\r\n', malformed],
  ['nothing but NULs', () => '\0'.repeat(64), malformed],
  // Too much.
  ['a header of 9,000 bytes', with_(`X: ${'y'.repeat(9_000)}`), ['431 headers-too-large']],
  ['a name of 9,000 bytes', with_(`${'y'.repeat(9_000)}: x`), ['431 headers-too-large']],
  [
    '101 headers',
    with_(...Array.from({ length: 101 }, () => 'x: y'), close.trim()),
    ['431 headers-too-large'],
  ],
  ['2,030 headers', () => `${get}${'x:\r\n'.repeat(2_020)}${close}\r\n`, ['431 headers-too-large']],
  ['a target of 1,025 characters', line(`/key?id=${'a'.repeat(1_017)}`), ['414 uri-too-long']],
  ['a target of 9,000 characters', line(`/key?id=${'a'.repeat(9_000)}`), ['431 headers-too-large']],
  ['a method without an end', () => 'G'.repeat(9_000), malformed],
  ['a body of 1,025 bytes', post('Content-Length: 1025', ' '.repeat(1_025)), ['413 body-too-large']],
  ['a body that says it has a gigabyte', post('Content-Length: 1073741824', '{'), ['413 body-too-large']],
  [
    'a chunk of 1,025 bytes',
    post('Transfer-Encoding: chunked', `401\r\n${' '.repeat(1_025)}\r\n0${end}`),
    ['413 body-too-large'],
  ],
  // Chunks.
  ['a chunk size that is none', post('Transfer-Encoding: chunked', `z\r\n{}\r\n0${end}`), malformed],
  ['a negative chunk size', post('Transfer-Encoding: chunked', `-1\r\n{}\r\n0${end}`), malformed],
  ['a chunk size with 0x', post('Transfer-Encoding: chunked', `0x2\r\n{}\r\n0${end}`), malformed],
  [
    'a chunk size that no number holds',
    post('Transfer-Encoding: chunked', `${'f'.repeat(20)}\r\n{}`),
    malformed,
  ],
  ['a chunk longer than it says', post('Transfer-Encoding: chunked', `1\r\n{}\r\n0${end}`), malformed],
  ['chunks with bare line feeds', post('Transfer-Encoding: chunked', '2\n{}\n0\n\n'), malformed],
  [
    'endless chunk extensions',
    post('Transfer-Encoding: chunked', `2;${'x'.repeat(20_000)}\r\n{}\r\n0${end}`),
    ['400 malformed'],
  ],
];

describe('a request on a raw socket', () => {
  afterEach(() => {
    expect(app.touched).toEqual({ ...nothingTouched, audited: 0 });
    expect(app.service.store.rows.size).toBe(0);
  });

  it.each(cases)('with %s is refused', async (_, bytes, expected) => {
    expect(await answersTo(bytes())).toEqual(expected);
  });
});

it('that asks for a tunnel is disconnected', async () => {
  expect(await askRaw(app.url, `CONNECT a:443 HTTP/1.1\r\nHost: a\r\n${authorised}\r\n`)).toBe('');
});

describe('pipelined requests', () => {
  const livez = 'GET /livez HTTP/1.1\r\nHost: a\r\n';

  it('are answered one after the other, each for itself', async () => {
    const three = `${livez}\r\n${get}\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n${close}\r\n`;
    expect(await answersTo(three)).toEqual(['200', '401', '404 path-unknown']);
  });

  it('after a refused body are not read: they could be part of it', async () => {
    const hidden = `${get}${authorised}\r\n`;
    const sent = `GET /key?id=a HTTP/1.1\r\nHost: a\r\nContent-Length: 5${end}12345${hidden}`;
    expect(await answersTo(sent)).toEqual(['400 body-unexpected']);
    expect(app.touched).toEqual(nothingTouched);
  });

  it('before malformed bytes are answered first, those after them are not', async () => {
    expect(await answersTo(`${livez}\r\nHELLO${end}${get}${authorised}\r\n`)).toEqual([
      '200',
      '400 malformed',
    ]);
  });
});

describe('a connection that is half closed', () => {
  it('in the middle of a request gets no key', async () => {
    const { port } = new URL(app.url);
    const socket = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
    socket.end(`${get}${authorised}`);
    expect(kindsIn(await text(socket))).toEqual(malformed);
    expect(app.touched).toEqual(nothingTouched);
  });
});

it('at least 80 tricks were tried', () => {
  expect(cases.length).toBeGreaterThanOrEqual(80);
  process.stdout.write(`raw sockets: ${cases.length} tricks, none reached a vault or the store\n`);
});
