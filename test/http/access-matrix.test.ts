// Every route of both listeners refuses every method with every kind of insufficient credential. None of these requests
// reaches the store or a region, no answer contains a byte of a key, and all refusals look the same.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { pino } from 'pino';
import { keyRoutes, type HttpParts } from '../../src/adapters/http/keys/key-routes.js';
import {
  operationsRoutes,
  type OperationsParts,
} from '../../src/adapters/http/operations/operation-routes.js';
import type { Route } from '../../src/adapters/http/server/dispatch.js';
import { makeBearerToken } from '../../src/adapters/tokens/bearer-token.js';
import { textOf } from '../../src/adapters/tokens/token-entries.js';
import type { StoredToken } from '../../src/adapters/tokens/stored-token.js';
import type { Permission } from '../../src/domain/access/caller.js';
import { parseConfig, regionsOf } from '../../src/infrastructure/config/config.js';
import { bindAdapters, bindApplication } from '../../src/infrastructure/wiring/container.js';
import { startService, type RunningService } from '../../src/infrastructure/startup/service.js';
import { AuditLog } from '../../src/ports/audit-log.js';
import { KeyRepository } from '../../src/ports/key-repository.js';
import { KeyVaults } from '../../src/ports/key-vault.js';
import { idPattern } from '../support/callers.js';
import { ask, askRaw, type HttpAnswer } from '../support/http-client.js';
import { callerId } from '../support/names.js';
import { guardedNoMetrics } from '../support/no-metrics.js';
import { RecordingAuditLog } from '../support/recording-audit-log.js';
import { ScriptedVault } from '../support/scripted-vault.js';
import { SecretHunt } from '../support/secret-hunt.js';
import { embeddedConfig } from '../support/served-process.js';
import { WatchedRepository } from '../support/watched-repository.js';

const dayMs = 86_400_000;
const nowMs = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'rkms-matrix-'));
const rights = `
[[callers]]
name = "app"
allow = ["read", "create", "operate"]
ids = ["**"]
deny = ["secret/*"]
[[callers]]
name = "narrow"
allow = ["read", "create"]
ids = ["elsewhere/**"]
[[callers]]
name = "creator"
allow = ["create"]
ids = ["**"]
`;
const config = parseConfig(embeddedConfig(folder, { regions: ['us-east-1'] }) + rights, {
  RKMS_SERVER_PORT: '0',
  RKMS_OPERATIONS_PORT: '0',
})._unsafeUnwrap();

const all: readonly Permission[] = ['read', 'create', 'operate'];
const stored: StoredToken[] = [];

/** A token in the file, as text. */
function token(caller: string, allow = all, more: Partial<StoredToken> & { only?: string } = {}): string {
  const { only = '**', ...times } = more;
  const { publicId, secretDigest, text } = makeBearerToken();
  const rightsOf = { caller: callerId(caller), permissions: new Set(allow), ids: [idPattern(only)] };
  stored.push({ publicId, secretDigest, ...rightsOf, notBeforeMs: 0, ...times });
  return text;
}
const bearer = (text: string): OutgoingHttpHeaders => ({ authorization: `Bearer ${text}` });

const good = token('app');
const changedSecret = (text: string): string => text.replace(/_[^_]{6}$/, '_AAAAAA');

/** Credentials that prove nothing: all of them get the one and only 401. */
const strangers: Readonly<Record<string, OutgoingHttpHeaders>> = {
  none: {},
  'an empty header': { authorization: '' },
  'the scheme alone': { authorization: 'Bearer' },
  'no token': { authorization: 'Bearer ' },
  'a malformed token': bearer('rkms_x_y_z'),
  'something else': bearer('eyJhbGciOiJub25lIn0.e30.'),
  'very much of it': bearer('a'.repeat(4_000)),
  'another scheme': { authorization: `Basic ${Buffer.from(`app:${good}`).toString('base64')}` },
  'the token under another scheme': { authorization: `Token ${good}` },
  'no scheme': { authorization: good },
  'an unknown token': bearer(makeBearerToken().text),
  'another’s secret under a known public id': bearer(
    `${good.slice(0, 18)}${makeBearerToken().text.slice(18)}`,
  ),
  'a bad checksum': bearer(changedSecret(good)),
  'a truncated token': bearer(good.slice(0, -1)),
  'a lengthened token': bearer(`${good}0`),
  'a token in capitals': bearer(good.toUpperCase()),
  'an expired token': bearer(token('app', all, { expiresMs: nowMs - 1 })),
  'a token that begins tomorrow': bearer(token('app', all, { notBeforeMs: nowMs + dayMs })),
  'a revoked token': bearer(token('app', all, { revokedMs: nowMs - 1 })),
  'the same good header twice': { Authorization: [`Bearer ${good}`, `Bearer ${good}`] },
  'a good header and a bad one': { Authorization: [`Bearer ${good}`, 'Bearer x'] },
  'a bad header and a good one': { Authorization: ['Bearer x', `Bearer ${good}`] },
  'a list in one header': bearer(`${good}, Bearer ${good}`),
  'a cookie': { cookie: `authorization=Bearer ${good}` },
  'a header of another name': { 'x-api-key': good, 'proxy-authorization': `Bearer ${good}` },
};

/** Good tokens that may not do this on either listener. */
const outsiders: Readonly<Record<string, OutgoingHttpHeaders>> = {
  'a token without permissions': bearer(token('app', [])),
  'a token that may only create': bearer(token('app', ['create'])),
  'a token whose caller is not configured': bearer(token('stranger')),
  'a token that allows more than its caller may': bearer(token('creator')),
  'a token whose caller may read other ids': bearer(token('narrow')),
};
/** Good tokens that may not do this on one listener. */
const outsidersOf = {
  keys: {
    'a token that may only operate': bearer(token('app', ['operate'])),
    'a token for other ids': bearer(token('app', all, { only: 'elsewhere/*' })),
    'a token for ids one level up': bearer(token('app', all, { only: '*' })),
    'a token for ids one level down': bearer(token('app', all, { only: 'billing/*/*' })),
  },
  operations: { 'a token that may read and create': bearer(token('app', ['read', 'create'])) },
} as const;

const store = new WatchedRepository();
const audit = new RecordingAuditLog();
const vaults = regionsOf(config).map((region) => new ScriptedVault(region));
const hunt = new SecretHunt();
let service: RunningService;
const container = new Container();
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

beforeAll(async () => {
  writeFileSync(join(folder, 'tokens.json'), textOf(stored), { mode: 0o600 });
  const logger = pino({ level: 'silent' });
  container.load(bindAdapters(config, logger), bindApplication(config));
  container.rebind(KeyRepository).toConstantValue(store);
  container.rebind(KeyVaults).toConstantValue(vaults);
  container.rebind(AuditLog).toConstantValue(audit);
  service = await startService(container, config, logger);
  for (const id of ['billing/exists', 'secret/exists']) {
    const answer = await ask(service.url, { target: `/key?id=${id}`, headers: bearer(good) });
    if (id.startsWith('billing')) hunt.addKey((JSON.parse(answer.body) as { key: string }).key);
  }
  hunt.addToken(good);
  forget();
}, 30_000);
afterAll(async () => {
  agent.destroy();
  await service.stop();
  rmSync(folder, { recursive: true });
});

const forget = (): void => {
  store.calls.length = 0;
  for (const vault of vaults) vault.calls.length = 0;
};
const touched = (): unknown => [store.calls, vaults.flatMap(({ calls }) => calls)];

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND'];
const routes: Readonly<Record<'keys' | 'operations', readonly Route[]>> = {
  keys: keyRoutes({ settings: { requestTimeoutMs: 1 } } as HttpParts),
  operations: operationsRoutes({
    regions: regionsOf(config),
    metrics: guardedNoMetrics,
  } as unknown as OperationsParts),
};
const ids = ['billing/exists', 'billing/absent'];

const json = { 'content-type': 'application/json' };

interface Case {
  readonly method: string;
  readonly target: string;
  readonly credential: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string;
  readonly status: 401 | 403 | 405;
}

/** Everything that must be refused on a listener; what a public route answers to anybody is not in it. */
function casesOf(listener: keyof typeof routes): readonly Case[] {
  const credentials = [
    ...Object.entries(strangers).map(([name, headers]) => ({ name, headers, status: 401 as const })),
    ...Object.entries({ ...outsiders, ...outsidersOf[listener] }).map(([name, headers]) => ({
      name,
      headers,
      status: 403 as const,
    })),
  ];
  const byPath = Map.groupBy(routes[listener], ({ path }) => path);
  return [...byPath].flatMap(([path, known]) =>
    methods.flatMap((method) => {
      const route = known.find((each) => each.method === method);
      if (route?.access === 'public') return [];
      return credentials.flatMap(({ name, headers, status }) =>
        (path.endsWith('/key') ? ids : [undefined]).map((id) => ({
          method,
          credential: name,
          status: route ? status : (405 as const),
          ...(route && 'hasBody' in route
            ? { target: path, headers: { ...headers, ...json }, body: JSON.stringify({ id }) }
            : { target: id === undefined ? path : `${path}?id=${id}`, headers }),
        })),
      );
    }),
  );
}

/** All that a sender can see, without what differs from answer to answer by nature. */
function seen({ status, headers, body }: HttpAnswer): string {
  const { date, allow, connection, 'keep-alive': lasts, 'x-request-id': requestId, ...rest } = headers;
  expect([date, allow, connection, lasts].length).toBe(4);
  return JSON.stringify({ status, headers: rest, body }).replaceAll(String(requestId), 'request-id');
}

describe.each(['keys', 'operations'] as const)('the listener of %s', (listener) => {
  const cases = casesOf(listener);
  const url = (): string => (listener === 'keys' ? service.url : service.operationsUrl);

  it(`refuses every one of ${cases.length} requests that may not pass, all of them alike, and touches nothing`, async () => {
    forget();
    const looks = new Map<number, Set<string>>();
    const wrong: unknown[] = [];
    for (let from = 0; from < cases.length; from += 32) {
      const batch = cases.slice(from, from + 32);
      const answers = await Promise.all(
        batch.map(({ method, target, headers, body }) =>
          ask(url(), { method, target, headers, agent, ...(body === undefined ? {} : { body }) }),
        ),
      );
      for (const [index, answer] of answers.entries()) {
        const { status, method, target, credential }: Partial<Case> = batch[index] ?? {};
        const leaks = hunt.findIn(Buffer.from(JSON.stringify(answer)));
        if (answer.status !== status || leaks.length > 0)
          wrong.push({ method, target, credential, got: answer.status, leaks });
        looks.set(answer.status, (looks.get(answer.status) ?? new Set()).add(seen(answer)));
      }
    }
    expect(wrong).toEqual([]);
    expect(touched()).toEqual([[], []]);
    expect([...looks].map(([status, different]) => [status, different.size]).sort()).toEqual([
      [401, 1],
      // Each names the permission that is missing: to operate, or to read the metrics.
      [403, listener === 'operations' ? 2 : 1],
      [405, 1],
    ]);
    process.stdout.write(`${listener}: ${cases.length} requests that may not pass, ${wrong.length} passed\n`);
  }, 120_000);
});

it('at least 1,000 requests were tried', () => {
  expect(casesOf('keys').length + casesOf('operations').length).toBeGreaterThan(1_000);
});

describe('what stands between them and a key is only the credential', () => {
  it('the good token opens the key and sees the regions', async () => {
    forget();
    const answer = await ask(service.url, { target: '/key?id=billing/exists', headers: bearer(good) });
    expect(answer.status).toBe(200);
    expect(hunt.findIn(Buffer.from(answer.body))).toContain('base64');
    // The record is in memory since it was created.
    expect(touched()).toEqual([[], [expect.objectContaining({ operation: 'decrypt' })]]);
    const regions = await ask(service.operationsUrl, { target: '/regions', headers: bearer(good) });
    expect(regions.status).toBe(200);
  });

  it('the same token is refused for an id that its caller is denied', async () => {
    forget();
    for (const id of ['secret/exists', 'secret/absent']) {
      const answer = await ask(service.url, { target: `/key?id=${id}`, headers: bearer(good) });
      expect(answer.status).toBe(403);
    }
    expect(touched()).toEqual([[], []]);
  });

  it('two Authorization lines on the wire are refused, though the first one is good', async () => {
    const line = `Authorization: Bearer ${good}\r\n`;
    const request = (lines: string): string =>
      `GET /key?id=billing/exists HTTP/1.1\r\nHost: a\r\n${lines}Connection: close\r\n\r\n`;
    expect(await askRaw(service.url, request(line))).toMatch(/^HTTP\/1\.1 200 /);
    for (const second of [line, 'Authorization: Bearer x\r\n', 'authorization:\r\n']) {
      expect(await askRaw(service.url, request(line + second))).toMatch(/^HTTP\/1\.1 401 /);
    }
  });
});

it('every refusal for want of a right has its line in the audit log, with the caller', () => {
  const denied = audit.entries.filter(({ outcome }) => outcome === 'access.denied');
  const callers = new Set(denied.map(({ caller }) => caller));
  expect(callers).toEqual(new Set(['app', 'stranger', 'creator', 'narrow']));
});
