// TLS as callers meet it: which versions are spoken, what is in every answer, and that changed files take effect without a
// restart and without a failed request.
import { chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { SecureVersion, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { readTlsMaterial, type TlsSettings } from '../../src/adapters/http/tls/tls-material.js';
import { Authority, selfSigned } from '../support/certificates.js';
import { ask, askRaw } from '../support/http-client.js';
import { nothingTouched, ServedApp } from '../support/served-app.js';
import { refusalOf } from '../support/refusals.js';
import { TlsApp } from '../support/tls-app.js';

let app: TlsApp;
afterEach(() => app.stop());

const hsts = 'max-age=31536000';
const dayMs = 86_400_000;

/** What a client gets that speaks only this version. */
const spoken = (version: SecureVersion): Promise<string | null> =>
  app.connect({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }).then(
    (socket) => {
      const protocol = socket.getProtocol();
      socket.destroy();
      return protocol;
    },
    () => 'refused',
  );
const shownBy = (socket: TLSSocket): string | undefined => {
  const subject = socket.getPeerX509Certificate()?.subject;
  socket.destroy();
  return subject;
};

describe('a listener with TLS', () => {
  const versions: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

  it.each([
    ['1.3', ['refused', 'refused', 'refused', 'TLSv1.3']],
    ['1.2', ['refused', 'refused', 'TLSv1.2', 'TLSv1.3']],
  ] as const)('with min_version = "%s" speaks %j', async (minVersion, expected) => {
    app = await TlsApp.start({ minVersion });
    const answers: unknown[] = [];
    for (const version of versions) answers.push(await spoken(version));
    expect(answers).toEqual(expected);
    expect(await app.ask()).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('keeps idle connections open for keep_alive_ms, and tells callers so', async () => {
    app = await TlsApp.start({ limits: { keepAliveMs: 620_000 } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { headers } = await app.ask({ agent });
    agent.destroy();
    expect(headers['keep-alive']).toBe('timeout=620');
  });

  it('serves keys, and tells browsers in every answer to come back with TLS only', async () => {
    app = await TlsApp.start();
    expect(app.served.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const headers = { authorization: app.served.bearer('read', 'create') };
    const answers = [
      await app.ask({ target: '/key?id=a', headers }),
      await app.ask({ target: '/key?id=a' }),
      await app.ask({ target: '/nowhere' }),
      await app.ask({ target: '/readyz' }),
    ];
    expect(answers.map(({ status, headers: all }) => [status, all['strict-transport-security']])).toEqual([
      [200, hsts],
      [401, hsts],
      [404, hsts],
      [200, hsts],
    ]);
    const socket = await app.connect();
    socket.end('HELLO\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 [^]*Strict-Transport-Security: max-age=31536000\r\n/);
  });

  it('does not answer clients that do not use TLS, and continues to serve', async () => {
    app = await TlsApp.start();
    const plain = app.served.url.replace('https:', 'http:');
    expect(await askRaw(plain, 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
    expect(await app.ask()).toMatchObject({ status: 200 });
    expect(app.served.touched).toEqual(nothingTouched);
  });

  it('resumes no session, because a resumed one would not be checked again', async () => {
    app = await TlsApp.start({ minVersion: '1.2' });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await app.connect({ maxVersion });
      let session: Buffer | undefined = first.getSession();
      first.on('session', (ticket: Buffer) => (session = ticket));
      first.end('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(await text(first)).toMatch(/^HTTP\/1\.1 200 /);
      const second = await app.connect({ maxVersion, ...(session && { session }) });
      expect(second.isSessionReused()).toBe(false);
      second.destroy();
    }
  });
});

describe('a listener without TLS', () => {
  it('sends no Strict-Transport-Security', async () => {
    app = await TlsApp.start();
    const plain = await ServedApp.start();
    const answer = await ask(plain.url, { target: '/livez' });
    await plain.stop();
    expect([answer.status, answer.headers['strict-transport-security']]).toEqual([200, undefined]);
  });
});

describe('a changed certificate', () => {
  it('is shown to new connections, and old ones go on', async () => {
    app = await TlsApp.start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await app.ask({ agent });
    app.show(app.root.server('second'));
    expect(shownBy(await app.connect())).toBe('CN=first');
    await app.look();
    expect(shownBy(await app.connect())).toBe('CN=second');
    const [kept] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
    expect(await app.ask({ agent })).toMatchObject({ status: 200 });
    expect(kept?.destroyed).toBe(false);
    agent.destroy();
    expect(app.events).toEqual([{ event: 'tls.reloaded' }]);
  });

  it('fails no request: 50 in flight, and ten changes', async () => {
    app = await TlsApp.start();
    const seen = new Set<number>();
    let rotating = true;
    let asked = 0;
    const headers = { authorization: app.served.bearer('read', 'create') };
    const callers = Array.from({ length: 50 }, async (_, index) => {
      // Half of them on connections that stay, half on new ones.
      const agent = new Agent({ keepAlive: index % 2 === 0 });
      while (rotating) {
        seen.add((await app.ask({ target: '/key?id=a', headers, agent })).status);
        asked += 1;
      }
      agent.destroy();
    });
    for (let change = 1; change <= 10; change += 1) {
      app.show(app.root.server(`change ${change}`));
      await app.look();
      const before = asked;
      while (asked < before + 20) await new Promise((resolve) => setImmediate(resolve));
    }
    rotating = false;
    await Promise.all(callers);
    expect([...seen]).toEqual([200]);
    expect(asked).toBeGreaterThanOrEqual(200);
    expect(app.events.filter(({ event }) => event === 'tls.reloaded')).toHaveLength(10);
    expect(shownBy(await app.connect())).toBe('CN=change 10');
  }, 60_000);

  it('that is half written is not reported, and used once it is whole', async () => {
    app = await TlsApp.start();
    const { cert, key } = app.root.server('second');
    app.write('cert.pem', cert);
    await app.look();
    app.write('key.pem', key);
    await app.look();
    expect(app.events).toEqual([{ event: 'tls.reloaded' }]);
    expect(shownBy(await app.connect())).toBe('CN=second');
  });

  it('that stays broken is reported once, and the one before stays in use', async () => {
    app = await TlsApp.start();
    app.write('cert.pem', 'nothing');
    for (let looks = 0; looks < 5; looks += 1) await app.look();
    expect(app.events).toMatchObject([
      {
        event: 'tls.broken',
        problem: { message: `the file ${app.path('cert.pem')} holds no valid certificate in PEM` },
      },
    ]);
    expect(shownBy(await app.connect())).toBe('CN=first');
    app.show(app.root.server('mended'));
    await app.look();
    expect(shownBy(await app.connect())).toBe('CN=mended');
  });

  it.each([
    [
      'is gone',
      () => {
        rmSync(app.path('key.pem'));
      },
    ],
    [
      'others may read',
      () => {
        chmodSync(app.path('key.pem'), 0o644);
      },
    ],
  ])('whose key %s is not used', async (_, change) => {
    app = await TlsApp.start();
    change();
    await app.look();
    await app.look();
    expect(app.events.map(({ event }) => event)).toEqual(['tls.broken']);
    expect(shownBy(await app.connect())).toBe('CN=first');
  });
});

describe('the end of a certificate', () => {
  it('is logged 30 and 7 days ahead and at expiry, and is in the metrics', async () => {
    app = await TlsApp.start();
    // An hour more, so that the test may take its time; certificates know no milliseconds.
    const notAfter = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 100 * dayMs + 3_600_000);
    app.show(app.root.server('second', { notAfter }));
    await app.look();
    expect(app.events.splice(0)).toEqual([{ event: 'tls.reloaded' }]);
    expect(app.files.material.expiries).toEqual([
      { file: app.path('cert.pem'), notAfterMs: notAfter.getTime() },
    ]);
    const told: unknown[] = [];
    for (const days of [0, 50, 69, 71, 80, 94, 96, 101, 120]) {
      app.clock.shiftMs = days * dayMs;
      await app.look();
      told.push(app.events.splice(0).map((event) => event.event === 'tls.expires' && event.daysLeft));
    }
    expect(told).toEqual([[], [], [], [30], [], [7], [], [0], []]);
  });
});

describe('files that TLS cannot be spoken with', () => {
  const settings = (): TlsSettings => ({
    certFile: app.path('cert.pem'),
    keyFile: app.path('key.pem'),
    minVersion: '1.3',
    clientCaFile: app.path('ca.pem'),
    revokedFile: app.path('revoked'),
  });
  const change = (name: string, content: string) => (): void => {
    writeFileSync(app.path(name), content);
  };
  const missing = (name: string) => (): void => {
    rmSync(app.path(name));
  };

  it.each<[string, () => void, RegExp]>([
    ['no certificate', missing('cert.pem'), /^there is no file .*cert\.pem/],
    ['no key', missing('key.pem'), /^there is no file .*key\.pem/],
    ['no authority', missing('ca.pem'), /^there is no file .*ca\.pem/],
    ['no list of the revoked', missing('revoked'), /^there is no file .*revoked/],
    ['an empty certificate', change('cert.pem', ''), /cert\.pem holds no valid certificate in PEM$/],
    [
      'a torn certificate',
      () => {
        change('cert.pem', app.root.cert.replace(/\n.{40}/, '\n'))();
      },
      /cert\.pem holds no valid certificate in PEM$/,
    ],
    [
      'a broken key',
      change('key.pem', '-----BEGIN PRIVATE KEY-----\n'),
      /key\.pem holds no private key in PEM$/,
    ],
    [
      'another key',
      () => {
        change('key.pem', app.root.server().key)();
      },
      /key\.pem does not belong to the first/,
    ],
    [
      'a key that others may read',
      () => {
        chmodSync(app.path('key.pem'), 0o640);
      },
      /open to other users \(mode 0640\)$/,
    ],
    [
      'a folder for a certificate',
      () => {
        rmSync(app.path('cert.pem'));
        symlinkSync(app.folder, app.path('cert.pem'));
      },
      /EISDIR/,
    ],
    [
      'an authority that is none',
      () => {
        change('ca.pem', selfSigned({ commonName: 'a' }).cert)();
      },
      /ca\.pem holds a certificate that is no authority's \(serial [0-9A-F]+\)$/,
    ],
    [
      'a revoked nothing',
      change('revoked', '# one\nsha256:00\n'),
      /^line 2 of .*revoked names no certificate$/,
    ],
    ['a revoked name', change('revoked', 'billing\n'), /^line 1 of .*revoked names no certificate$/],
    [
      'an authority without the one above it',
      () => {
        change('ca.pem', new Authority('below', new Authority('above')).cert)();
      },
      /ca\.pem holds an authority without the one that signed it/,
    ],
  ])('%s end the start with one line and a hint', async (_, spoil, message) => {
    app = await TlsApp.start({ clientCa: new Authority('callers').cert, revoked: '' });
    expect(() => readTlsMaterial(settings())).not.toThrow();
    spoil();
    const refusal = refusalOf(() => readTlsMaterial(settings()));
    expect(refusal.message).toMatch(message);
    expect(refusal.hint).toMatch(/./);
  });
});

it('a connection that never finishes its handshake does not stop the listener from stopping', async () => {
  app = await TlsApp.start();
  const { hostname, port } = new URL(app.served.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  await app.served.stop();
  socket.destroy();
  expect(socket.destroyed).toBe(true);
});
