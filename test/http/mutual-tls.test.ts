// Mutual TLS end to end: whose certificate opens what, and that everything else gets the one refusal and reaches nothing
// behind it. What was trusted once is cut as soon as it is trusted no longer.
import { once } from 'node:events';
import { Agent } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CertificateAuthenticator } from '../../src/adapters/certificates/certificate-authenticator.js';
import { ConfiguredCallers } from '../../src/application/access/configured-callers.js';
import { AuthenticatorSelector } from '../../src/application/access/authenticator-selector.js';
import type { Authenticator } from '../../src/ports/authenticator.js';
import type { Clock } from '../../src/ports/clock.js';
import { grant } from '../support/callers.js';
import { Authority, selfSigned, type Issued } from '../support/certificates.js';
import type { HttpAnswer } from '../support/http-client.js';
import { callerId } from '../support/names.js';
import { nothingTouched } from '../support/served-app.js';
import { TlsApp } from '../support/tls-app.js';

const names = new Map([
  ['uri:spiffe://prod/billing', callerId('billing')],
  ['dns:billing.internal', callerId('billing')],
  ['dns:reports.internal', callerId('reports')],
]);
const grants = new Map([
  [callerId('billing'), grant(['read', 'create'], { source: 'callers[0]' })],
  [callerId('reports'), grant([], { source: 'callers[1]' })],
]);
const everyMethod = (token: Authenticator, clock: Clock): Authenticator =>
  new AuthenticatorSelector({
    token,
    certificate: new ConfiguredCallers(new CertificateAuthenticator(names, clock), grants),
  });

const dayMs = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * dayMs);
const billing = ['uri:spiffe://prod/billing'];

let authority: Authority;
let app: TlsApp;
const start = async (revoked = ''): Promise<void> => {
  authority = new Authority('callers');
  app = await TlsApp.start({ clientCa: authority.cert, revoked, authenticator: everyMethod });
};
const get = ({ cert, key }: Partial<Issued>, headers = {}): Promise<HttpAnswer> =>
  app.ask({ target: '/key?id=a', headers, ...(cert && { cert }), ...(key && { key }) });
const refusalIn = ({ status, body }: HttpAnswer): unknown => {
  const { requestId, ...problem } = JSON.parse(body) as Record<string, unknown>;
  expect(requestId).toMatch(/./);
  return { status, problem };
};
const refusal = {
  status: 401,
  problem: {
    type: 'urn:rkms:problem:authentication.failed',
    title: 'Missing or invalid credentials',
    status: 401,
    detail: 'Send either a valid token, "Authorization: Bearer ...", or a client certificate, not both.',
  },
};

describe('a client certificate', () => {
  beforeAll(() => start());
  afterAll(() => app.stop());

  it.each([
    ['a URI', billing],
    ['a DNS name', ['dns:billing.internal']],
    ['a DNS name in capitals', ['dns:Billing.INTERNAL']],
    ['two names of one caller', ['dns:billing.internal', ...billing]],
    ['names of nobody besides', ['dns:other.internal', ...billing, 'uri:https://example.com/a']],
  ])('with %s speaks for its caller, and the audit log says how', async (_, shown) => {
    const answer = await get(authority.client(shown));
    expect(answer.status).toBe(200);
    expect(app.served.service.audit.entries.at(-1)).toMatchObject({
      caller: 'billing',
      method: 'certificate',
    });
  });

  it('signed by an authority below ours speaks for its caller', async () => {
    expect(await get(new Authority('below', authority).client(billing))).toMatchObject({ status: 200 });
  });

  it('gives no more than the configuration', async () => {
    expect(await get(authority.client(['dns:reports.internal']))).toMatchObject({ status: 403 });
  });

  it('is not required of probes or of callers with a token', async () => {
    expect(await app.ask({ target: '/livez' })).toMatchObject({ status: 200, body: 'ok\n' });
    const headers = { authorization: app.served.bearer('read', 'create') };
    expect(await get({}, headers)).toMatchObject({ status: 200 });
    expect(app.served.service.audit.entries.at(-1)).toMatchObject({ method: 'token' });
  });

  it('that is bad does no harm to a probe', async () => {
    const { cert, key } = selfSigned({ uris: ['spiffe://prod/billing'], usages: ['client'] });
    expect(await app.ask({ target: '/livez', cert, key })).toMatchObject({ status: 200 });
  });
});

describe('a client certificate that is refused', () => {
  beforeAll(() => start());
  afterAll(() => app.stop());

  it.each<[string, () => Issued]>([
    ['is of another authority', () => new Authority('callers').client(billing)],
    [
      'is of an authority below another one',
      () => new Authority('below', new Authority('callers')).client(billing),
    ],
    ['is signed by itself', () => selfSigned({ uris: ['spiffe://prod/billing'], usages: ['client'] })],
    ['is signed by a certificate that is no authority', () => signedByClient()],
    ['is of the authority of servers', () => app.root.client(billing)],
    ['has no usage', () => authority.client(billing, { usages: [] })],
    ['is for servers', () => authority.client(billing, { usages: ['server'] })],
    ['is for any usage', () => authority.client(billing, { usages: ['any'] })],
    ['has expired', () => authority.client(billing, { notBefore: inDays(-2), notAfter: inDays(-1) })],
    ['is not valid yet', () => authority.client(billing, { notBefore: inDays(1), notAfter: inDays(2) })],
    ['has no names', () => authority.client([])],
    ['has a common name alone', () => authority.client([], { commonName: 'billing.internal' })],
    ['has a URI for a common name', () => authority.client([], { commonName: 'spiffe://prod/billing' })],
    ['has names of nobody', () => authority.client(['dns:other.internal', 'uri:spiffe://prod/other'])],
    ['has names of two callers', () => authority.client(['dns:billing.internal', 'dns:reports.internal'])],
    ['has a wildcard', () => authority.client(['dns:*.internal'])],
    ['has the name with a dot at the end', () => authority.client(['dns:billing.internal.'])],
    ['has the URI in capitals', () => authority.client(['uri:spiffe://prod/Billing'])],
    ['has the URI with a slash at the end', () => authority.client(['uri:spiffe://prod/billing/'])],
    ['has the URI as a DNS name', () => authority.client(['dns:spiffe://prod/billing'])],
    ['has the DNS name as a URI', () => authority.client(['uri:billing.internal'])],
    ['has the name as an email', () => authority.client([], { emails: ['billing.internal'] })],
    ['has a name with another inside', () => authority.client(['dns:a, URI:spiffe://prod/billing'])],
    ['has a quoted name', () => authority.client(['uri:x", URI:spiffe://prod/billing, URI:"y'])],
    ['has a NUL in its name', () => authority.client(['dns:billing.internal\0.example.com'])],
  ])('%s', async (_, issued) => {
    expect(refusalIn(await get(issued()))).toEqual(refusal);
    expect(app.served.touched).toEqual(nothingTouched);
  });

  it.each<[string, () => Record<string, string | string[]>]>([
    ['a token', () => ({ authorization: app.served.bearer('read', 'create') })],
    ['a token that is none', () => ({ authorization: 'Bearer x' })],
    ['an empty header', () => ({ authorization: '' })],
    ['a JWT', () => ({ authorization: 'Bearer a.b.c' })],
  ])('comes with %s: one request, one method', async (_, headers) => {
    expect(refusalIn(await get(authority.client(billing), headers()))).toEqual(refusal);
    const bad = selfSigned({ uris: ['spiffe://prod/billing'], usages: ['client'] });
    expect(refusalIn(await get(bad, headers()))).toEqual(refusal);
    expect(app.served.touched).toEqual(nothingTouched);
  });

  /** A caller that plays authority with its own certificate. */
  function signedByClient(): Issued {
    const below = new Authority('spiffe', authority, { authority: false });
    return below.client(billing);
  }
});

describe('a connection with a client certificate', () => {
  let agent: Agent;
  beforeEach(async () => {
    await start();
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(async () => {
    agent.destroy();
    await app.stop();
  });

  const keep = async ({ cert, key }: Issued): Promise<HttpAnswer> =>
    app.ask({ target: '/key?id=a', agent, cert, key });
  /** Whether the server closes it within 5 s of real time after the files were looked at. */
  const isCut = async (): Promise<boolean> => {
    const [socket] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
    if (socket === undefined) throw new Error('no connection was kept');
    const closed = once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    await app.look();
    return closed.then(
      () => true,
      () => false,
    );
  };

  it('is cut when its authority is removed, and its certificate opens nothing any more', async () => {
    const caller = authority.client(billing);
    expect(await keep(caller)).toMatchObject({ status: 200 });
    app.write('ca.pem', new Authority('callers').cert);
    expect(await isCut()).toBe(true);
    expect(refusalIn(await keep(caller))).toEqual(refusal);
  });

  it('is cut when the authority above its own is removed', async () => {
    expect(await keep(new Authority('below', authority).client(billing))).toMatchObject({ status: 200 });
    app.write('ca.pem', new Authority('others').cert);
    expect(await isCut()).toBe(true);
  });

  it('is refused before it is cut: a request in between gets no key', async () => {
    const caller = authority.client(billing);
    expect(await keep(caller)).toMatchObject({ status: 200 });
    const before = app.served.touched;
    app.clock.shiftMs = 101 * dayMs;
    expect(refusalIn(await keep(caller))).toEqual(refusal);
    expect(app.served.touched).toEqual(before);
  });

  it('goes on when an authority is added, and its certificates are accepted', async () => {
    const caller = authority.client(billing);
    expect(await keep(caller)).toMatchObject({ status: 200 });
    const added = new Authority('added');
    app.write('ca.pem', authority.cert + added.cert);
    await app.look();
    const [socket] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
    expect(socket?.destroyed).toBe(false);
    expect(await keep(caller)).toMatchObject({ status: 200 });
    expect(await get(added.client(billing))).toMatchObject({ status: 200 });
  });

  it.each<[string, (issued: Issued) => string]>([
    ['fingerprint', ({ x509 }) => `# stolen\nsha256:${x509.fingerprint256}\n`],
    [
      'fingerprint without colons',
      ({ x509 }) => `sha256:${x509.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    ],
    ['serial number', ({ x509 }) => `\nSERIAL:00${x509.serialNumber} # stolen\n`],
  ])('is cut when it is revoked by %s, and others go on', async (_, entry) => {
    const caller = authority.client(billing);
    expect(await keep(caller)).toMatchObject({ status: 200 });
    app.write('revoked', entry(caller));
    expect(await isCut()).toBe(true);
    expect(refusalIn(await keep(caller))).toEqual(refusal);
    expect(await get(authority.client(billing))).toMatchObject({ status: 200 });
  });

  it('whose handshake began before its authority was removed is no way in', async () => {
    const { cert, key } = new Authority('below', authority).client(billing);
    const connecting = app.connect({ cert, key });
    await new Promise((resolve) => setImmediate(resolve));
    app.write('ca.pem', new Authority('callers').cert);
    await app.look();
    const socket = await connecting.catch(() => undefined);
    socket?.end('GET /key?id=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const answer = socket === undefined ? '' : await text(socket).catch(() => '');
    expect(answer).not.toMatch(/ 200 /);
    expect(app.served.touched).toEqual(nothingTouched);
  });

  it('goes on while the files are broken, and so does the list of the revoked', async () => {
    const caller = authority.client(billing);
    expect(await keep(caller)).toMatchObject({ status: 200 });
    app.write('revoked', 'everybody');
    await app.look();
    await app.look();
    expect(app.events).toMatchObject([{ event: 'tls.broken' }]);
    expect(await keep(caller)).toMatchObject({ status: 200 });
  });
});
