// The methods of authentication put together from a configuration, and the whole service with all of them: over TLS, with a
// token, a client certificate and a token of another issuer.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { pino } from 'pino';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { authenticatorOf, openIssuers } from '../../../src/infrastructure/wiring/authentication.js';
import { parseConfig, type Config } from '../../../src/infrastructure/config/config.js';
import { bindAdapters, bindApplication } from '../../../src/infrastructure/wiring/container.js';
import { startService } from '../../../src/infrastructure/startup/service.js';
import { Authority } from '../../support/certificates.js';
import { keys, keySetText, publicJwk, signed } from '../../support/jwt-lab.js';
import { refusalOf } from '../../support/refusals.js';
import { embeddedConfig } from '../../support/served-process.js';

const logger = pino({ level: 'silent' });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rkms-authentication-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const path = (name: string): string => join(folder, name);
const write = (name: string, content: string): string => {
  writeFileSync(path(name), content, { mode: 0o600 });
  return path(name);
};
const configOf = (more: string): Config =>
  parseConfig(`${embeddedConfig(path('data'))}${more}`)._unsafeUnwrap();
const iss = 'https://issuer.example';
const issuer = (): string => `
[[issuers]]
issuer = "${iss}"
audience = "rkms"
algorithms = ["EdDSA"]
jwks_file = "${write('jwks.json', keySetText(publicJwk(keys.ed)))}"
`;

describe('without a token file', () => {
  const open = (config: Config): unknown => {
    const issuers = openIssuers(config, systemClock, logger);
    try {
      return authenticatorOf(config, issuers, systemClock, logger);
    } finally {
      issuers.stop();
    }
  };

  it('and without another method nothing is served', () => {
    expect(refusalOf(() => open(configOf(''))).message).toMatch(/^there is no token file /);
  });

  it('the other methods do without', () => {
    expect(open(configOf(issuer()))).toBeDefined();
  });
});

it('the whole service speaks TLS, and knows a caller by token, by certificate and by JWT', async () => {
  const [servers, callers] = [new Authority('servers'), new Authority('callers')];
  const { cert, key } = servers.server();
  const tls = `
[tls]
cert_file = "${write('cert.pem', cert)}"
key_file = "${write('key.pem', key)}"
client_ca_file = "${write('ca.pem', callers.cert)}"
[server]
port = 0
[operations]
port = 0
[[callers]]
name = "local"
allow = ["read", "create", "operate"]
ids = ["**"]
[[callers]]
name = "billing"
allow = ["read", "operate"]
ids = ["**"]
certificates = ["uri:spiffe://prod/billing"]
subjects = [{ issuer = "${iss}", subject = "billing" }]
${issuer()}`;
  const config = configOf(tls);
  const container = new Container();
  container.load(bindAdapters(config, logger), bindApplication(config));
  const service = await startService(container, config, logger);
  const ask = async (url: string, options: RequestOptions): Promise<[number | undefined, string]> => {
    const sent = request(url, { ca: servers.cert, servername: 'localhost', agent: false, ...options }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return [answer.statusCode, await text(answer)];
  };
  try {
    const url = `${service.url}/key?id=a`;
    const bearer = (token: string): RequestOptions => ({ headers: { authorization: `Bearer ${token}` } });
    const nowS = Math.floor(Date.now() / 1_000);
    const claims = { iss, aud: 'rkms', sub: 'billing', iat: nowS, exp: nowS + 60 };
    const client = callers.client(['uri:spiffe://prod/billing']);
    const certificate = { cert: client.cert, key: client.key };
    const jwt = bearer(signed({ alg: 'EdDSA', typ: 'JWT' }, claims, 'EdDSA', keys.ed));
    const made = await ask(url, bearer(readFileSync(path('data/token'), 'utf8').trim()));
    expect(made[0]).toBe(200);
    expect(await ask(url, certificate)).toEqual(made);
    expect(await ask(url, jwt)).toEqual(made);
    expect((await ask(url, {}))[0]).toBe(401);
    expect((await ask(url, { ...certificate, ...jwt }))[0]).toBe(401);
    expect((await ask(`${service.operationsUrl}/regions`, certificate))[0]).toBe(200);
    expect(service.certificates().map(({ file }) => file)).toEqual([path('cert.pem'), path('ca.pem')]);
    const lines = readFileSync(config.audit.file, 'utf8').trimEnd().split('\n');
    const methods = lines.map(
      (line) => JSON.parse(line) as { action: string; caller: string; method: string },
    );
    expect(
      methods.filter(({ action }) => action === 'key.get').map(({ caller, method }) => [caller, method]),
    ).toEqual([
      ['local', 'token'],
      ['billing', 'certificate'],
      ['billing', 'jwt'],
    ]);
  } finally {
    await service.stop();
  }
}, 30_000);
