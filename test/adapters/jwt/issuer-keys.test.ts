// The keys of an issuer over time: read, read again, kept while the issuer is down or sends garbage, and not for ever. And
// where they come from: over HTTP within bounds, from a file, from the last good copy.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow';
import { HttpKeySet } from '../../../src/adapters/jwt/http-key-set.js';
import { IssuerKeys, noUsableKey, type IssuerKeysEvent } from '../../../src/adapters/jwt/issuer-keys.js';
import { keyFor, parseKeySet, type Algorithm } from '../../../src/adapters/jwt/key-set.js';
import {
  FileKeySet,
  type KeySetSource,
  type KeySetUnavailable,
  type LastGood,
  type LastGoodStore,
} from '../../../src/adapters/jwt/key-set-source.js';
import { LastGoodFile } from '../../../src/adapters/jwt/last-good-file.js';
import type { OperatorError } from '../../../src/adapters/system/operator-error.js';
import { Authority } from '../../support/certificates.js';
import { keys, keySetText, publicJwk, type Member } from '../../support/jwt-lab.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { modeOf } from '../../support/served-process.js';

const keyNamed = (kid: string): string => keySetText(publicJwk(keys.ed, { kid }));
const [first, second] = [keyNamed('first'), keyNamed('second')];
const minuteMs = 60_000;
const settings = { refreshMs: 5 * minuteMs, cooldownMs: 30_000, lastGoodMs: 72 * 60 * minuteMs };

class PlayedIssuer implements KeySetSource, LastGoodStore {
  /** Undefined is silence. */
  answer: string | KeySetUnavailable | undefined = first;
  reads = 0;
  copy: LastGood | undefined;
  #waiting: (() => void)[] = [];

  read(): ResultAsync<string, KeySetUnavailable> {
    this.reads += 1;
    const { answer } = this;
    if (answer === undefined) {
      return ResultAsync.fromSafePromise(
        new Promise<string>((resolve) => {
          this.#waiting.push(() => {
            resolve(second);
          });
        }),
      );
    }
    return typeof answer === 'string' ? okAsync(answer) : errAsync(answer);
  }

  speak(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  load(): LastGood | undefined {
    return this.copy;
  }

  save(copy: LastGood): void {
    this.copy = copy;
  }
}

const down: KeySetUnavailable = { kind: 'key-set.unavailable', reason: 'ECONNREFUSED' };

describe('the keys of an issuer', () => {
  let clock: ManualClock;
  let issuer: PlayedIssuer;
  let events: IssuerKeysEvent[];
  let known: IssuerKeys;
  beforeEach(() => {
    clock = new ManualClock();
    issuer = new PlayedIssuer();
    events = [];
    known = new IssuerKeys(issuer, issuer, clock, (event) => events.push(event), settings);
  });
  afterEach(() => {
    known.stop();
    expect(clock.pending).toBe(0);
  });
  const find = async (kid: string): Promise<string | undefined> =>
    (await known.find({ alg: 'EdDSA', kid }))?.kid;
  const start = async (): Promise<void> => {
    known.start();
    await settle();
  };

  it('are found as soon as they are needed', async () => {
    known.start();
    expect(await find('first')).toBe('first');
    expect([issuer.reads, issuer.copy]).toEqual([1, { readMs: clock.nowMs(), text: first }]);
  });

  it('are read every five minutes: a removed key is refused after that', async () => {
    await start();
    issuer.answer = second;
    await clock.advance(5 * minuteMs);
    expect([await find('first'), await find('second')]).toEqual([undefined, 'second']);
    expect(issuer.reads).toBe(2);
  });

  it('are waited for by at most 100 tokens at a time while the issuer does not respond', async () => {
    await start();
    await clock.advance(30_000);
    issuer.answer = undefined;
    let ended = 0;
    const all = Array.from({ length: 1_000 }, async () => {
      const found = await find('second');
      ended += 1;
      return found;
    });
    await settle();
    expect([ended, issuer.reads]).toEqual([900, 2]);
    issuer.speak();
    const found = await Promise.all(all);
    expect(found.filter((kid) => kid === 'second')).toHaveLength(100);
    expect(await find('second')).toBe('second');
    await clock.advance(30_000);
    issuer.answer = undefined;
    const again = find('third');
    await settle();
    issuer.speak();
    expect([await again, issuer.reads]).toEqual([undefined, 3]);
  });

  it('are read at once for an unknown key, but at most every 30 s', async () => {
    await start();
    await clock.advance(30_000);
    issuer.answer = second;
    expect(await find('second')).toBe('second');
    for (let tries = 0; tries < 100; tries += 1) expect(await find('unknown')).toBeUndefined();
    expect(issuer.reads).toBe(2);
    await clock.advance(30_000);
    expect(await find('unknown')).toBeUndefined();
    expect(issuer.reads).toBe(3);
  });

  it('are read once for all waiting tokens', async () => {
    await start();
    await clock.advance(30_000);
    issuer.answer = undefined;
    const waiting = Array.from({ length: 50 }, () => find('second'));
    await settle();
    issuer.speak();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['second']));
    expect(issuer.reads).toBe(2);
  });

  it('that are known are found while the issuer does not respond', async () => {
    await start();
    issuer.answer = undefined;
    await clock.advance(5 * minuteMs);
    expect(await find('first')).toBe('first');
    issuer.speak();
  });

  it.each<[string, string | KeySetUnavailable, string]>([
    ['is down', down, 'ECONNREFUSED'],
    ['sends nothing', '', noUsableKey],
    ['sends a page', '<html>', noUsableKey],
    ['sends no keys', '{"keys":[]}', noUsableKey],
  ])('stay good while it %s, for 72 hours, and that is told once', async (_, answer, reason) => {
    await start();
    const readMs = clock.nowMs();
    issuer.answer = answer;
    await clock.advance(71 * 60 * minuteMs);
    expect(await find('first')).toBe('first');
    await clock.advance(60 * minuteMs + 1);
    expect(await find('first')).toBeUndefined();
    issuer.answer = first;
    await clock.advance(30_000);
    expect(await find('first')).toBe('first');
    expect(events).toEqual([
      { event: 'issuer.unavailable', reason, lastGoodMs: readMs },
      { event: 'issuer.available' },
    ]);
  });

  it('are found after a restart while the issuer is down', async () => {
    issuer.copy = { readMs: clock.nowMs() - minuteMs, text: first };
    issuer.answer = down;
    await start();
    expect(await find('first')).toBe('first');
    expect(events).toEqual([
      { event: 'issuer.unavailable', reason: 'ECONNREFUSED', lastGoodMs: clock.nowMs() - minuteMs },
    ]);
  });

  it.each<[string, Partial<LastGood>]>([
    ['too old', { readMs: ManualClock.startMs - settings.lastGoodMs - 1 }],
    ['of a clock that was ahead', { readMs: ManualClock.startMs + settings.lastGoodMs + 1 }],
    ['broken', { text: 'x' }],
  ])('are not taken from a copy that is %s', async (_, wrong) => {
    issuer.copy = { readMs: clock.nowMs(), text: first, ...wrong };
    issuer.answer = down;
    await start();
    expect(await find('first')).toBeUndefined();
  });
});

describe('a set of keys', () => {
  const jwk = publicJwk(keys.ed);

  it('is read with all properties of its usable members', () => {
    expect(parseKeySet(keySetText({ ...jwk, 'x-other': 1, use: null }))).toEqual([
      { ...jwk, 'x-other': 1, use: null },
    ]);
  });

  it.each<[string, string]>([
    ['a kind of key that RKMS does not know', '{"kty":"AKP","pub":"AAAA"}'],
    ['a shared secret', '{"kty":"oct","k":"AAAA"}'],
    ['a private key', JSON.stringify(keys.ec.export({ format: 'jwk' }))],
    ['a key without its kind', '{"kid":"a"}'],
    ['a key with a number as its id', JSON.stringify({ ...jwk, kid: 5 })],
    ['an RSA key without its modulus', '{"kty":"RSA","e":"AQAB"}'],
    ['no object', 'null'],
  ])('is used without a member that is %s', (_, member) => {
    const text = `{"keys":[${member},${JSON.stringify(jwk)},${member}]}`;
    expect(parseKeySet(text)).toEqual([jwk]);
  });

  it('can have more members than any issuer needs', () => {
    expect(parseKeySet(keySetText(...Array.from({ length: 500 }, () => jwk)))).toHaveLength(500);
  });

  it('can start with a byte order mark', () => {
    expect(parseKeySet(`\ufeff${keySetText(jwk)}`)).toEqual([jwk]);
  });

  it.each([
    ['text', 'x'],
    ['a list', JSON.stringify([jwk])],
    ['a key alone', JSON.stringify(jwk)],
    ['an object for keys', JSON.stringify({ keys: { 0: jwk } })],
    ['without a usable key', keySetText({ kty: 'oct', k: 'AAAA' })],
  ])('is not %s', (_, text) => {
    expect(parseKeySet(text)).toBeUndefined();
  });
});

describe('the key for a token', () => {
  const kid = 'k';
  const rsa = publicJwk(keys.rsa, { kid });
  const find = (set: readonly Member[], header: { alg: Algorithm; kid?: string }): unknown =>
    keyFor(parseKeySet(keySetText(...set)) ?? [], { kid: undefined, ...header });

  it.each<[string, Member]>([
    [
      'for encryption, as Keycloak publishes it',
      publicJwk(keys.otherRsa, { kid, use: 'enc', alg: 'RSA-OAEP' }),
    ],
    ['for encryption by its use alone', publicJwk(keys.otherRsa, { kid, use: 'enc' })],
    ['for other operations', publicJwk(keys.otherRsa, { kid, key_ops: ['encrypt', 'wrapKey'] })],
    ['for another algorithm', publicJwk(keys.otherRsa, { kid, alg: 'RS512' })],
    ['of another kind', publicJwk(keys.ec, { kid })],
    ['identical', rsa],
    ['identical, but described differently', { ...rsa, use: 'sig', key_ops: ['verify'], alg: 'RS256' }],
  ])('is found beside a key with the same id that is %s', (_, other) => {
    expect(find([other, rsa], { alg: 'RS256', kid })).toEqual(rsa);
    expect(find([rsa, other], { alg: 'RS256', kid })).toEqual(rsa);
  });

  it('is found without an id in the token if only one key fits', () => {
    const ec = publicJwk(keys.ec, { kid: 'e' });
    expect(find([rsa, ec], { alg: 'ES256' })).toEqual(ec);
  });

  it('is found under both names of Ed25519', () => {
    const [old, current] = (['EdDSA', 'Ed25519'] as const).map((alg) => publicJwk(keys.ed, { kid, alg }));
    expect(find([current ?? {}], { alg: 'EdDSA', kid })).toEqual(publicJwk(keys.ed, { kid }));
    expect(find([old ?? {}], { alg: 'Ed25519', kid })).toEqual(publicJwk(keys.ed, { kid }));
  });

  it.each<[string, readonly Member[]]>([
    ['two different keys fit', [rsa, publicJwk(keys.otherRsa, { kid })]],
    ['its key is for other operations', [{ ...rsa, key_ops: ['encrypt'] }]],
    ['its key has another id', [{ ...rsa, kid: 'other' }]],
    ['its key has no id', [publicJwk(keys.rsa)]],
  ])('is not guessed if %s', (_, set) => {
    expect(find(set, { alg: 'RS256', kid })).toBeUndefined();
  });
});

describe('where keys come from', () => {
  let folder: string;
  let server: Server | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rkms-keys-'));
  });
  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
    server = undefined;
    rmSync(folder, { recursive: true });
  });
  const serve = async (answer: RequestListener, made = createServer(answer)): Promise<string> => {
    server = made;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  };
  const unavailable = (reason: string): unknown => err({ kind: 'key-set.unavailable', reason });

  it('over HTTP: the text of the issuer, requested with the configured token', async () => {
    writeFileSync(join(folder, 'token'), 'secret\n');
    const seen: unknown[] = [];
    const url = await serve(({ method, url: target, headers }, response) => {
      seen.push([method, target, headers.authorization]);
      response.end(first);
    });
    expect(await new HttpKeySet({ url, tokenFile: join(folder, 'token') }).read()).toEqual(ok(first));
    expect(await new HttpKeySet({ url: `${url}?p=1` }).read()).toEqual(ok(first));
    expect(seen).toEqual([
      ['GET', '/jwks', 'Bearer secret'],
      ['GET', '/jwks?p=1', undefined],
    ]);
  });

  it('over HTTPS: only from an issuer with a trusted certificate', async () => {
    const authority = new Authority('issuers');
    writeFileSync(join(folder, 'ca.pem'), authority.cert);
    writeFileSync(join(folder, 'other.pem'), new Authority('others').cert);
    const answer: RequestListener = (_, response) => response.end(first);
    const plain = await serve(answer, createTlsServer(authority.server(), answer));
    const url = plain.replace('http://127.0.0.1', 'https://localhost');
    expect(await new HttpKeySet({ url, caFile: join(folder, 'ca.pem') }).read()).toEqual(ok(first));
    for (const caFile of [join(folder, 'other.pem'), undefined]) {
      expect((await new HttpKeySet({ url, caFile }).read()).isErr()).toBe(true);
    }
  });

  it.each<[string, RequestListener, string]>([
    ['a redirect', (_, response) => response.writeHead(302, { location: '/other' }).end(first), 'status 302'],
    ['an error', (_, response) => response.writeHead(500).end(first), 'status 500'],
    ['no content', (_, response) => response.writeHead(204).end(), 'status 204'],
    ['very much', (_, response) => response.end('x'.repeat(300_000)), 'more than 262144 bytes'],
    [
      'a broken answer',
      (_, response) => {
        response.writeHead(200, { 'content-length': 9 });
        response.write('x');
        setImmediate(() => response.destroy());
      },
      'ECONNRESET',
    ],
    [
      'a connection that is cut',
      ({ socket }) => {
        socket.destroy();
      },
      'ECONNRESET',
    ],
    [
      'an answer that never ends',
      (_, response) => {
        response.write('x');
      },
      'no complete response within 3000 ms',
    ],
  ])('not over HTTP from %s', async (_, answer, reason) => {
    const url = await serve(answer);
    expect(await new HttpKeySet({ url }).read()).toEqual(unavailable(reason));
  });

  it('not over HTTP if the issuer does not listen, or the token file is missing', async () => {
    const url = await serve((_, response) => response.end(first));
    expect(await new HttpKeySet({ url, tokenFile: join(folder, 'none') }).read()).toEqual(
      unavailable('ENOENT'),
    );
    server?.close();
    expect(await new HttpKeySet({ url }).read()).toEqual(unavailable('ECONNREFUSED'));
  });

  it('from a file, with its current content', async () => {
    const source = new FileKeySet(join(folder, 'jwks.json'));
    expect(await source.read()).toEqual(unavailable('ENOENT'));
    writeFileSync(join(folder, 'jwks.json'), first);
    expect(await source.read()).toEqual(ok(first));
  });

  describe('the last good copy', () => {
    let problems: OperatorError[];
    const copyOf = (name: string): LastGoodFile =>
      new LastGoodFile(folder, name, (problem) => problems.push(problem));
    const file = (): string => join(folder, readdirSync(folder)[0] ?? 'none');
    beforeEach(() => {
      problems = [];
    });

    it('is what was saved, for that issuer alone, in a file that only its owner may read', () => {
      expect(copyOf('https://a').load()).toBeUndefined();
      copyOf('https://a').save({ readMs: 7, text: first });
      expect([copyOf('https://a').load(), copyOf('https://b').load()]).toMatchObject([
        { readMs: 7, text: first },
        undefined,
      ]);
      expect([modeOf(file()), problems]).toEqual(['0600', []]);
    });

    it('is written again when it changed, or once an hour', () => {
      const copy = copyOf('https://a');
      const hourMs = 3_600_000;
      for (const [readMs, text] of [
        [0, first],
        [1, first],
        [2, second],
        [hourMs, second],
      ] as const)
        copy.save({ readMs, text });
      expect(copy.load()).toMatchObject({ readMs: hourMs, text: second });
      copy.save({ readMs: hourMs + 1, text: second });
      expect(copy.load()).toMatchObject({ readMs: hourMs });
    });

    it.each<[string, () => void, number]>([
      [
        'was open to others',
        () => {
          chmodSync(file(), 0o644);
        },
        1,
      ],
      [
        'is torn',
        () => {
          writeFileSync(file(), readFileSync(file()).subarray(0, 20));
        },
        0,
      ],
      [
        'is of another issuer',
        () => {
          writeFileSync(file(), String(readFileSync(file())).replace('https://a', 'https://b'));
        },
        0,
      ],
    ])('is not used when it %s', (_, spoil, told) => {
      copyOf('https://a').save({ readMs: 7, text: first });
      spoil();
      expect(copyOf('https://a').load()).toBeUndefined();
      expect(problems).toHaveLength(told);
    });

    it('that cannot be written is reported, and nothing else happens', () => {
      const nowhere = new LastGoodFile(join(folder, 'none'), 'https://a', (problem) =>
        problems.push(problem),
      );
      nowhere.save({ readMs: 7, text: first });
      expect(problems.map(({ message }) => message)).toEqual([
        expect.stringMatching(/cannot be written \(ENOENT\)$/),
      ]);
    });
  });
});
