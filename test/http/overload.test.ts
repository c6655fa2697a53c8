// Overload: requests beyond the limits get 503 and Retry-After at once. Existing keys have priority over new ones, and
// health checks always answer.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { begin, type HttpAnswer } from '../support/http-client.js';
import { ServedApp } from '../support/served-app.js';
import { until } from '../support/until.js';
import { maxCreations } from '../support/virtual-service.js';

let app: ServedApp;
beforeEach(async () => {
  app = await ServedApp.start();
});
afterEach(() => app.stop());

const kindIn = ({ status, body }: HttpAnswer): unknown => [
  status,
  (JSON.parse(body) as { type: string }).type.replace('urn:rkms:problem:', ''),
];
const overloaded = [503, 'service.overloaded'];
const unauthenticated = [401, 'authentication.failed'];

describe('a service with the maximum number of requests in flight', () => {
  const held = { count: 3 };
  let waiting: Promise<HttpAnswer>[];
  beforeEach(async () => {
    await app.stop();
    app = await ServedApp.start({ maxInFlight: held.count });
    await app.service.stored('stored', Buffer.alloc(32, 7));
    app.service.vaults[0].script('decrypt', 'hold', 'answer');
    waiting = Array.from({ length: held.count }, () => app.get('/key?id=stored'));
    await until(() => app.inFlight === held.count);
  });
  const letGo = async (): Promise<readonly number[]> => {
    app.service.vaults[0].release();
    return (await Promise.all(waiting)).map(({ status }) => status);
  };

  it('refuses one more caller with a valid token, and says when to come back', async () => {
    const answers = await Promise.all([
      app.get('/key?id=stored'),
      app.ask({ target: '/key?id=stored' }),
      app.get('/key?id=stored', { authorization: 'Bearer x' }),
    ]);
    expect(answers.map(kindIn)).toEqual([overloaded, unauthenticated, unauthenticated]);
    expect(answers.map(({ headers }) => headers['retry-after'])).toEqual([
      expect.stringMatching(/^[123]$/),
      undefined,
      undefined,
    ]);
    expect(await letGo()).toEqual([200, 200, 200]);
  });

  it('still answers health checks and refuses invalid requests', async () => {
    const answers = await Promise.all(['/livez', '/readyz', '/nothing'].map((target) => app.get(target)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404]);
    await letGo();
  });

  it('serves again as soon as a request has ended', async () => {
    await letGo();
    await until(() => app.inFlight === 0);
    expect((await app.get('/key?id=stored')).status).toBe(200);
  });

  it('serves again when callers disconnect without their answers', async () => {
    const leaver = { target: '/key?id=stored', headers: { authorization: app.bearer('read') } };
    await letGo();
    await until(() => app.inFlight === 0);
    app.service.vaults[0].script('decrypt', 'hang-until-aborted');
    const leaving = Array.from({ length: held.count }, () =>
      begin(app.url, leaver).on('error', () => undefined),
    );
    await until(() => app.inFlight === held.count);
    expect(kindIn(await app.get('/key?id=stored'))).toEqual(overloaded);
    for (const request of leaving) request.destroy();
    await until(() => app.inFlight === 0);
    app.service.vaults[0].script('decrypt', 'answer');
    expect((await app.get('/key?id=stored')).status).toBe(200);
  });
});

describe('a service with the maximum number of creations in flight', () => {
  it('refuses one more creation, but serves existing keys', async () => {
    await app.service.stored('stored', Buffer.alloc(32, 7));
    for (const vault of app.service.vaults) vault.script('generateDataKey', 'hang');
    const headers = { authorization: app.bearer('read', 'create') };
    const making = Array.from({ length: maxCreations }, (_, index) =>
      app.ask({ target: `/key?id=new/${index}`, headers }),
    );
    await until(() => app.service.vaults[0].count('generateDataKey') === maxCreations);
    expect(kindIn(await app.get('/key?id=one-more'))).toEqual(overloaded);
    expect((await app.get('/key?id=stored')).status).toBe(200);
    await app.service.clock.advance(2_000);
    for (const vault of app.service.vaults) vault.script('generateDataKey', 'answer');
    expect((await Promise.all(making)).map(({ status }) => status)).toEqual(making.map(() => 503));
    expect((await app.get('/key?id=one-more')).status).toBe(200);
  });
});
