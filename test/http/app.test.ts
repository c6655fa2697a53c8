// Keys over real HTTP: what an answer holds, which headers it has, when it comes, and that nothing of a key stays behind.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { errAsync, ResultAsync } from 'neverthrow';
import { begin, type HttpAnswer } from '../support/http-client.js';
import { spelledKeyIds } from '../support/key-ids.js';
import { isWiped } from '../support/sample-keys.js';
import { nothingTouched, requestTimeoutMs, ServedApp } from '../support/served-app.js';
import { until } from '../support/until.js';

const plaintext = randomBytes(32);
const paths = ['/key', '/api/v1/key'];

let app: ServedApp;
beforeEach(async () => {
  app = await ServedApp.start();
});
afterEach(async () => {
  await app.stop();
  expect(app.service.clock.pending).toBe(0);
});

const documentIn = ({ body }: HttpAnswer): Record<string, unknown> =>
  JSON.parse(body) as Record<string, unknown>;
const kindIn = (answer: HttpAnswer): unknown => [answer.status, documentIn(answer)['type']];
const handedOut = (): boolean[] => app.service.vaults.flatMap((vault) => vault.handedOut).map(isWiped);

/** Asks, and lets nothing of `secret` be in the answer. */
const refused = async (target: string, headers = {}): Promise<HttpAnswer> => {
  const answer = await app.get(target, headers);
  const all = JSON.stringify(answer);
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    expect(all).not.toContain(plaintext.toString(encoding));
  }
  return answer;
};

it('an answer whose record was in memory says so, with its age in seconds', async () => {
  await app.stop();
  app = await ServedApp.start({ cachedRecords: 1 });
  const first = await app.get('/key?id=orders/7');
  await app.service.clock.advance(42_900);
  const { body, headers } = await app.get('/key?id=orders/7');
  expect([body, first.headers['rkms-record'], headers['rkms-record']]).toEqual([
    first.body,
    undefined,
    'cached; age=42',
  ]);
});

describe.each(paths)('a key at %s', (path) => {
  it('is made when there is none, and is the same ever after', async () => {
    const made = await app.get(`${path}?id=orders/7`);
    const key = app.service.vaults[0].handedOut[0];
    expect([made.status, documentIn(made)]).toEqual([
      200,
      { id: 'orders/7', version: 1, key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) },
    ]);
    expect(key && isWiped(key)).toBe(true);
    for (const again of paths) {
      expect((await app.get(`${again}?id=orders/7`)).body).toBe(made.body);
    }
  });

  it('that exists is answered with the region that opened it and how many hold it', async () => {
    await app.service.stored('orders/7', plaintext, app.service.vaults.slice(0, 2));
    app.service.vaults[0].fails('region.unavailable');
    const { status, headers, body } = await app.get(`${path}?id=orders/7`);
    expect([status, body]).toEqual([
      200,
      `{"id":"orders/7","version":1,"key":"${plaintext.toString('base64')}"}\n`,
    ]);
    expect([headers['rkms-region'], headers['rkms-copies']]).toEqual(['eu-west-1', '2/3']);
  });

  it('is not for a caller without the permission to read, whether it exists or not', async () => {
    await app.service.stored('exists', plaintext);
    for (const id of ['exists', 'absent']) {
      for (const authorization of [app.bearer(), app.bearer('create')]) {
        const answer = await app.ask({ target: `${path}?id=${id}`, headers: { authorization } });
        expect(kindIn(answer)).toEqual([403, 'urn:rkms:problem:access.denied']);
        expect(documentIn(answer)['permission']).toBe('read');
      }
    }
    expect(app.touched).toEqual({ ...nothingTouched, audited: 4 });
  });

  it('is not made for a caller who may only read', async () => {
    const headers = { authorization: app.bearer('read') };
    const answer = await app.ask({ target: `${path}?id=absent`, headers });
    expect(kindIn(answer)).toEqual([404, 'urn:rkms:problem:key.not-found']);
    expect(app.touched).toEqual({ vaults: 0, store: ['find'], audited: 1 });
    expect(app.service.store.rows.size).toBe(0);
  });
});

it('any id comes back byte for byte, in whatever legal way it was percent-encoded', async () => {
  const headers = { authorization: app.bearer('read', 'create') };
  await fc.assert(
    fc.asyncProperty(spelledKeyIds, async ({ id, spelled }) => {
      const answer = await app.ask({ target: `/key?id=${spelled}`, headers });
      expect([answer.status, documentIn(answer)['id']]).toEqual([200, id]);
    }),
    { numRuns: 40 },
  );
});

describe('the headers of an answer', () => {
  const common = {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    vary: 'Authorization',
    'x-content-type-options': 'nosniff',
    'x-request-id': 'r-1',
  };
  const json = { ...common, 'content-type': 'application/json; charset=utf-8' };
  const problem = { ...common, 'content-type': 'application/problem+json' };
  const text = { ...common, 'content-type': 'text/plain; charset=utf-8' };
  const later = { ...problem, 'retry-after': expect.stringMatching(/^[123]$/) };

  /** All of them but those of the connection, of time and of length. */
  const headersOf = ({ headers }: HttpAnswer): unknown => {
    const { connection, date, 'content-length': length, ...rest } = headers;
    expect([connection, Number.isNaN(Date.parse(String(date))), Number(length) > 0]).toEqual([
      'close',
      false,
      true,
    ]);
    return rest;
  };
  const token = 'read';
  const routes = [...paths.map((path) => `${path}?id=a`), '/livez', '/readyz', '/nowhere'];

  it.each([
    ...paths.map(
      (path) => [path, 200, { ...json, 'rkms-region': 'eu-central-1', 'rkms-copies': '3/3' }] as const,
    ),
    ['/livez', 200, text] as const,
    ['/readyz', 200, text] as const,
  ])('of %s with status %i', async (path, status, headers) => {
    const answer = await app.get(`${path}?id=a`, { 'x-request-id': 'r-1' });
    expect([answer.status, headersOf(answer)]).toStrictEqual([status, headers]);
  });

  it('of /readyz with status 503', async () => {
    app.ready = false;
    const answer = await app.get('/readyz', { 'x-request-id': 'r-1' });
    expect([answer.status, headersOf(answer)]).toStrictEqual([503, text]);
  });

  it.each(routes)('of %s with a status that refuses', async (target) => {
    const isKey = target.includes('?');
    const headers = { 'x-request-id': 'r-1', authorization: app.bearer(token) };
    const bare = { 'x-request-id': 'r-1' };
    const found = target !== '/nowhere';
    const answers = [
      [await app.ask({ target: `${target}&v=1`, headers }), isKey ? 400 : 404, problem],
      [await app.ask({ target: `${target}#`, headers }), 400, problem],
      [
        await app.ask({ target, headers: { ...headers, 'content-length': 1 }, body: 'a' }),
        found ? 400 : 404,
        problem,
      ],
      [await app.ask({ target: `${target}${'y'.repeat(1_024)}`, headers }), 414, problem],
      [
        await app.ask({ target, headers, method: 'PUT' }),
        found ? 405 : 404,
        found ? { ...problem, allow: isKey ? 'GET, POST' : 'GET, HEAD' } : problem,
      ],
      ...(isKey
        ? [
            [
              await app.ask({ target, headers: bare }),
              401,
              { ...problem, 'www-authenticate': 'Bearer' },
            ] as const,
            [await app.ask({ target, headers }), 404, problem] as const,
            [
              await app.ask({ target, headers: { ...bare, authorization: app.bearer() } }),
              403,
              problem,
            ] as const,
          ]
        : []),
    ] as const;
    for (const [answer, status, expected] of answers) {
      expect([answer.status, headersOf(answer)]).toStrictEqual([status, expected]);
    }
  });

  it.each(paths)('of %s with a status of ours', async (path) => {
    const target = `${path}?id=a`;
    app.service.store.instead.find = () => errAsync({ kind: 'store.unavailable' });
    const unavailable = await app.get(target, { 'x-request-id': 'r-1' });
    app.service.store.instead.find = () => errAsync({ kind: 'store.misconfigured', detail: 'canary' });
    const misconfigured = await app.get(target, { 'x-request-id': 'r-1' });
    app.service.store.instead.find = () => new ResultAsync(Promise.reject(new Error('canary')));
    const bug = await app.get(target, { 'x-request-id': 'r-1' });
    const seen = [unavailable, misconfigured, bug].map((answer) => [answer.status, headersOf(answer)]);
    expect(seen).toStrictEqual([
      [503, later],
      [500, problem],
      [500, problem],
    ]);
  });

  it('that tell when to come back spread the callers over one to three seconds', async () => {
    app.service.store.instead.find = () => errAsync({ kind: 'store.unavailable' });
    const seen = new Set<string | undefined>();
    for (let asked = 0; asked < 40; asked += 1) seen.add((await app.get('/key?id=a')).headers['retry-after']);
    expect([...seen].sort()).toEqual(['1', '2', '3']);
  });
});

describe('a service that is', () => {
  it.each([
    ['alive', '/livez', true, 200, 'ok\n'],
    ['alive but stopping', '/livez', false, 200, 'ok\n'],
    ['ready', '/readyz', true, 200, 'ok\n'],
    ['not ready any more', '/readyz', false, 503, 'not ready\n'],
  ])('%s says so at %s, without a token, and says no more', async (_, target, ready, status, body) => {
    app.ready = ready;
    expect(await app.ask({ target })).toMatchObject({ status, body });
    expect(app.touched).toEqual(nothingTouched);
  });
});

describe('nothing of a key stays behind', () => {
  it('once it was answered: the key and the body are wiped', async () => {
    await app.service.stored('orders/7', plaintext);
    const answer = await app.get('/key?id=orders/7');
    expect(documentIn(answer)['key']).toBe(plaintext.toString('base64'));
    const [body] = app.bodies;
    await until(() => Buffer.isBuffer(body) && body.every((byte) => byte === 0));
    expect(handedOut()).toEqual([true]);
  });

  it('once it was made: every copy that regions handed out is wiped', async () => {
    await app.get('/key?id=orders/7');
    expect(handedOut()).toEqual([true, true, true, true]);
  });

  it('when the caller goes away before the answer is written', async () => {
    await app.service.stored('orders/7', plaintext);
    const { audit } = app.service;
    audit.mode = 'hold';
    const closed = new Promise<void>((resolve) => {
      app.onContext = (ctx) => {
        ctx.res.once('close', resolve);
      };
    });
    const asked = begin(app.url, {
      target: '/key?id=orders/7',
      headers: { authorization: app.bearer('read') },
    });
    asked.on('error', () => undefined);
    await until(() => audit.entries.length === 1);
    asked.destroy();
    await closed;
    audit.release();
    await until(() => app.bodies.length === 1);
    expect(app.bodies).toEqual([undefined]);
    expect(handedOut()).toEqual([true]);
  });

  it('when the audit log takes no entry: 503, and no key', async () => {
    await app.service.stored('orders/7', plaintext);
    app.service.audit.mode = 'fail';
    expect(kindIn(await refused('/key?id=orders/7'))).toEqual([503, 'urn:rkms:problem:audit.unavailable']);
    expect(handedOut()).toEqual([true]);
  });
});

/** Lets time pass until the answer is there: the pause between two passes over the regions among it. */
async function inTheEnd<T>(answer: Promise<T>): Promise<T> {
  const done = answer.then(() => 'done' as const);
  for (let turn: unknown; turn !== 'done';) {
    await app.service.clock.advance(10);
    turn = await Promise.race([done, new Promise(setImmediate)]);
  }
  return answer;
}

describe('a request that cannot be served', () => {
  const arn = /arn:|eu-(central|west|north)-1|local:/;

  it('because no region answers is 503, and says nothing of regions', async () => {
    await app.service.stored('orders/7', plaintext);
    for (const vault of app.service.vaults) vault.fails('region.unavailable');
    const [read, create] = await Promise.all([
      inTheEnd(refused('/key?id=orders/7')),
      inTheEnd(refused('/key?id=new')),
    ]);
    expect([kindIn(read), kindIn(create)]).toEqual([
      [503, 'urn:rkms:problem:regions.exhausted'],
      [503, 'urn:rkms:problem:regions.below-quorum'],
    ]);
    expect(`${read.body}${create.body}`).not.toMatch(arn);
    expect([...app.service.store.rows.keys()]).toEqual(['orders/7 1']);
  });

  it('because every region answers with another key is refused without it', async () => {
    await app.service.stored('orders/7', plaintext);
    for (const vault of app.service.vaults) vault.script('decrypt', 'wrong-key');
    const answer = await refused('/key?id=orders/7');
    expect(kindIn(answer)).toEqual([500, 'urn:rkms:problem:key.unreadable']);
    const wrong = app.service.vaults.flatMap((vault) => vault.handedOut);
    expect(wrong.map(isWiped)).toEqual([true, true, true]);
  });

  it.each(['hang', 'hang-until-aborted'] as const)(
    'before its deadline, because regions %s, is 503 when a tenth of a second is left, and what runs is aborted',
    async (step) => {
      await app.service.stored('orders/7', plaintext);
      for (const vault of app.service.vaults) vault.script('decrypt', step);
      const asked = refused('/key?id=orders/7');
      await until(() => app.touched.vaults === 1);
      await app.service.clock.advance(requestTimeoutMs - 101);
      expect(app.lines).toEqual([]);
      await app.service.clock.advance(1);
      const answer = await asked;
      expect(kindIn(answer)).toEqual([503, 'urn:rkms:problem:call.aborted']);
      expect(answer.headers['retry-after']).toMatch(/^[123]$/);
      const signals = app.service.vaults.flatMap((vault) => vault.signals);
      expect(signals.length).toBeGreaterThanOrEqual(3);
      expect(signals.every(({ aborted }) => aborted)).toBe(true);
    },
  );

  it('because its caller went away is not served on: what runs is aborted', async () => {
    await app.service.stored('orders/7', plaintext);
    const [first] = app.service.vaults;
    first.script('decrypt', 'hang-until-aborted');
    const asked = begin(app.url, {
      target: '/key?id=orders/7',
      headers: { authorization: app.bearer('read') },
    });
    asked.on('error', () => undefined);
    await until(() => first.signals.length === 1);
    expect(first.signals[0]?.aborted).toBe(false);
    asked.destroy();
    await until(() => app.lines.length === 1);
    expect(first.signals[0]?.aborted).toBe(true);
    expect(app.lines).toMatchObject([{ failure: { kind: 'call.aborted' }, caller: 'with.read.' }]);
    expect(app.touched.vaults).toBe(1);
  });
});

describe('a bug', () => {
  it.each([
    ['in a vault', () => app.service.vaults[0].fails('throw')],
    ['in the audit log', () => (app.service.audit.mode = 'throw')],
    [
      'in the store',
      () =>
        (app.service.store.instead.find = () => new ResultAsync(Promise.reject(new Error('find has a bug')))),
    ],
  ])('%s is a silent 500, and the log hears of it', async (_, plant) => {
    await app.service.stored('orders/7', plaintext);
    plant();
    const answer = await refused('/key?id=orders/7', { 'x-request-id': 'r-1' });
    expect([answer.status, documentIn(answer)]).toEqual([
      500,
      {
        type: 'urn:rkms:problem:internal',
        title: 'Internal error',
        status: 500,
        detail:
          'Do not retry. Give the requestId to the operator of this service, who finds the cause in the log.',
        requestId: 'r-1',
      },
    ]);
    expect(app.lines).toMatchObject([{ requestId: 'r-1', status: 500, bug: expect.any(Error) }]);
  });
});

describe('the line that every request leaves', () => {
  it('tells who asked for what and how it ended, and holds neither key nor id nor token', async () => {
    await app.service.stored('orders/7', plaintext);
    const authorization = app.bearer('read');
    await app.ask({ target: '/key?id=orders/7', headers: { authorization, 'x-request-id': 'r-1' } });
    await app.ask({ target: '/key?id=', headers: { authorization, 'x-request-id': 'r-2' } });
    await app.ask({ target: '/key?id=a', headers: { 'x-request-id': 'r-3' } });
    const said = { event: 'request.answered', method: 'GET', durationMs: 0, callerLeft: false } as const;
    const known = { caller: 'with.read.', authentication: 'token' };
    const served = {
      region: 'eu-central-1',
      created: false,
      copies: 3,
      regions: 3,
      attempts: 1,
      hedged: false,
    };
    expect(app.lines).toStrictEqual([
      { ...said, ...known, requestId: 'r-1', route: '/key', status: 200, served },
      {
        ...said,
        ...known,
        requestId: 'r-2',
        route: '/key',
        status: 400,
        failure: { kind: 'request.id-missing' },
      },
      {
        ...said,
        requestId: 'r-3',
        route: '/key',
        status: 401,
        failure: { kind: 'authentication.failed', reason: 'malformed' },
      },
    ]);
  });

  it('names the route as it was declared, and calls a path unknown that nothing is at', async () => {
    const targets = [
      '/api/v1/key?id=a',
      '/livez',
      '/readyz',
      '/key/orders/7',
      '/%2e%2e/',
      `/${'a'.repeat(2_000)}`,
    ];
    for (const target of targets) await app.ask({ target });
    await app.ask({ target: '/key', method: 'DELETE' });
    expect(app.lines.map(({ route, method, status }) => [route, method, status])).toEqual([
      ['/api/v1/key', 'GET', 401],
      ['/livez', 'GET', 200],
      ['/readyz', 'GET', 200],
      ['unknown', 'GET', 404],
      ['unknown', 'GET', 404],
      ['unknown', 'GET', 414],
      ['/key', 'DELETE', 405],
    ]);
  });
});

describe('a server that stops', () => {
  it('lets the request that runs finish, takes no other, and does not wait for kept-alive connections', async () => {
    await app.service.stored('orders/7', plaintext);
    const [first] = app.service.vaults;
    first.script('decrypt', 'hold');
    const asked = fetch(`${app.url}/key?id=orders/7`, { headers: { authorization: app.bearer('read') } });
    await until(() => first.count('decrypt') === 1);
    const stopped = app.stop(60_000);
    await expect(app.get('/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    first.release();
    const answer = await asked;
    expect([answer.status, await answer.json()]).toMatchObject([200, { key: plaintext.toString('base64') }]);
    await stopped;
  });

  it('cuts what still runs when its time is over', async () => {
    await app.service.stored('orders/7', plaintext);
    const [first] = app.service.vaults;
    first.script('decrypt', 'hang-until-aborted');
    const asked = app.get('/key?id=orders/7');
    const cut = expect(asked).rejects.toMatchObject({ code: 'ECONNRESET' });
    await until(() => first.count('decrypt') === 1);
    await app.stop(10);
    await cut;
    await until(() => app.lines.length === 1);
    expect(first.signals[0]?.aborted).toBe(true);
  });
});
