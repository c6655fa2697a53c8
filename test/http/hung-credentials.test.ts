// A credential provider that accepts connections and never answers: reads go on while the credentials last, answers say what is
// wrong when they are over, and everything works again soon after the provider does, without a restart.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { PlayedAws } from '../support/played-aws.js';
import { Lab, type KeyAnswer } from '../support/served-process.js';
import { dose, isDeep } from '../support/tiers.js';
import { until } from '../support/until.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

/** How long credentials last, and how long the provider is silent beyond that (ms). */
const lifeMs = dose('LIFE_MS', { small: 3_000, full: 12_000 });
const silenceMs = dose('SILENCE_MS', { small: 3_000, full: 20_000 });
/** A read that ends this short before the expiry may be signed after it (ms). */
const marginMs = 500;

let isSilent = false;
let expiresMs = 0;
const provider = createServer((_, answer) => {
  if (isSilent) return;
  expiresMs = Date.now() + lifeMs;
  const issued = { AccessKeyId: 'id', SecretAccessKey: 'secret', Token: 'token' };
  answer.end(JSON.stringify({ ...issued, Expiration: new Date(expiresMs).toISOString() }));
});
let aws: PlayedAws;
let lab: Lab;
beforeAll(async () => {
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const { port } = provider.address() as AddressInfo;
  aws = await PlayedAws.start();
  lab = new Lab({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/` });
});
afterAll(async () => {
  await lab.close();
  await aws.stop();
  provider.closeAllConnections();
  provider.close();
});

it('stops no read while the credentials last, and costs nothing once the provider answers again', async () => {
  const config = lab.write('hung.toml', aws.config());
  expect((await lab.run(['init', '--config', config])).code).toBe(0);
  const token = await lab.token(config, 'app', 'read,create');
  const served = await lab.serve(config);
  const read = (): Promise<KeyAnswer> => lab.get(served, 'orders/1', token);
  const { key } = await read();
  isSilent = true;
  const untilMs = expiresMs + silenceMs;
  const seen: { readonly atMs: number; readonly answer: KeyAnswer }[] = [];
  await until(
    async () => {
      const answer = await read();
      seen.push({ atMs: Date.now(), answer });
      return Date.now() >= untilMs;
    },
    lifeMs + 2 * silenceMs,
  );
  const inTime = seen.filter(({ atMs }) => atMs < expiresMs - marginMs);
  expect(inTime.map(({ answer }) => answer.key)).toEqual(inTime.map(() => key));
  expect(inTime.length).toBeGreaterThan(5);
  expect(seen.at(-1)?.answer).toMatchObject({ status: 503, problem: 'credentials.invalid' });
  isSilent = false;
  await until(async () => (await read()).key === key, 30_000);
  if (isDeep) expect(served.stderr).toContain('the AWS credentials cannot be renewed');
  // The SDK writes warnings to the console, where nobody would look for them.
  expect(served.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
  expect(await served.stop()).toMatchObject({ code: 0 });
});
