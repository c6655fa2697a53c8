// `rkms import` as an operator runs it: from a table of the Go original into a deployment that serves, over real HTTP.
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { filesOfLog } from '../../src/adapters/audit-file/audit-names.js';
import { startDynalite, type DynaliteServer } from '../support/dynalite-server.js';
import { awsVariables, PlayedAws } from '../support/played-aws.js';
import { Lab, type Ended, type KeyAnswer, type Served } from '../support/served-process.js';
import { until } from '../support/until.js';

const entries = Number(process.env['ENTRIES'] ?? 60);
const patienceMs = 60_000 + entries * 50;

let aws: PlayedAws;
let source: DynaliteServer;
let watched: Watched;
let lab: Lab;
let config: string;
let token: string;
let served: Served;

/** Passes everything on to the table of the Go original, and remembers what was asked of it. */
interface Watched {
  readonly url: string;
  readonly operations: string[];
  readonly server: Server;
}

async function watch(endpoint: string): Promise<Watched> {
  const operations: string[] = [];
  const server = createServer((incoming, answer) => {
    operations.push(String(incoming.headers['x-amz-target']));
    const { method, headers } = incoming;
    const onward = request(endpoint, { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(answer);
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, operations, server };
}

beforeAll(async () => {
  [aws, source] = await Promise.all([PlayedAws.start(), startDynalite()]);
  watched = await watch(source.endpoint);
  // On a machine that is busy a region may take its time, and that is no outage.
  const patient = { RKMS_KMS_ATTEMPT_TIMEOUT_MS: '10000', RKMS_KMS_CONNECT_TIMEOUT_MS: '10000' };
  lab = new Lab({ ...awsVariables, ...patient }, { lifeMs: 3 * patienceMs });
  config = lab.write('aws.toml', aws.config());
  await lab.run(['init', '--config', config]);
  token = await lab.token(config, 'app', 'read,create');
  served = await lab.serve(config);
}, 60_000);
afterEach(() => aws.heal());
afterAll(async () => {
  const leaks = lab.leaks([]);
  await lab.close();
  watched.server.closeAllConnections();
  await new Promise((resolve) => watched.server.close(resolve));
  await Promise.all([aws.stop(), source.stop()]);
  expect(leaks).toEqual([]);
}, 30_000);

/** The plaintext under each region's KMS key without a context, as the Go original made it. */
async function sealed(plaintext: Uint8Array): Promise<Record<string, AttributeValue>> {
  const copies = aws.regions.map(async ({ region, endpoint, keyArn }) => {
    const credentials = { accessKeyId: 'dummy', secretAccessKey: 'dummy' };
    const client = new KMSClient({ region, endpoint, credentials });
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: keyArn, Plaintext: plaintext }));
    client.destroy();
    return [region, { S: Buffer.from(CiphertextBlob ?? []).toString('base64') }] as const;
  });
  return Object.fromEntries(await Promise.all(copies));
}

async function goTable(name: string): Promise<(id: string, keys: AttributeValue) => Promise<void>> {
  await source.createTable(name, {
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  });
  const client = source.client();
  return async (id, keys) => {
    await client.send(new PutItemCommand({ TableName: name, Item: { id: { S: id }, keys } }));
  };
}

const run = (table: string, ...more: readonly string[]): Promise<Ended> =>
  lab.run(['import', '--config', config, '--from-table', table, '--from-endpoint', watched.url, ...more]);
const get = (id: string): Promise<KeyAnswer> => lab.get(served, id, token);
interface Line {
  readonly id: string;
  readonly action: string;
  readonly source?: string;
}

/** The import writes in a file of its own while the service writes in the first. */
const audited = (): readonly Line[] =>
  filesOfLog(lab.path('aws', 'audit.jsonl'))
    .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ action }) => action === 'key.import');
const auditOf = (id: string): readonly Line[] => audited().filter((line) => line.id === id);
const importedFrom = (table: string): number =>
  audited().filter(({ source: name }) => name === `dynamodb us-east-1 ${table}`).length;

describe('a whole table', () => {
  const keys = new Map<string, Buffer>();
  beforeAll(async () => {
    const put = await goTable('whole');
    for (let n = 0; n < entries; n += 1) {
      const plaintext = randomBytes([16, 32, 64][n % 3] ?? 32);
      keys.set(`orders/${n}`, plaintext);
      lab.secrets.addKey(plaintext.toString('base64'));
      await put(`orders/${n}`, { M: await sealed(plaintext) });
    }
    await aws.heal();
  }, patienceMs);

  it(
    'is imported, and its keys are served unchanged, with three copies each',
    async () => {
      const startedMs = performance.now();
      const { code, stdout } = await run('whole');
      const seconds = (performance.now() - startedMs) / 1_000;
      process.stderr.write(`${entries} keys imported in ${seconds.toFixed(1)} s\n`);
      expect([code, stdout]).toEqual([
        0,
        `${entries} entries checked: ${entries} imported, 0 already present.\n`,
      ]);
      for (const [id, plaintext] of keys) {
        const answer = await get(id);
        expect([answer.key, answer.headers['rkms-copies']]).toEqual([plaintext.toString('base64'), '3/3']);
      }
      expect(auditOf('orders/0')).toMatchObject([
        { outcome: 'imported', source: 'dynamodb us-east-1 whole' },
      ]);
    },
    patienceMs,
  );

  it('was only read: the source received only Scan and Decrypt', () => {
    expect(new Set(watched.operations)).toEqual(new Set(['DynamoDB_20120810.Scan']));
  });

  it('is imported a second time without changes, also while a region is down', async () => {
    await aws.regions[0].fail('refused');
    watched.operations.length = 0;
    const { code, stdout } = await run('whole', '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      { report: { outcomes: { 'already-present': entries } } },
    ]);
    const withoutContext = aws.regions.flatMap(({ calls }) =>
      calls.filter(({ context }) => Object.keys(context).length === 0),
    );
    const asked = new Set(withoutContext.map(({ operation }) => operation));
    expect([watched.operations.length > 0, [...asked]]).toEqual([true, expect.arrayContaining(['Decrypt'])]);
    expect(asked.has('Encrypt')).toBe(false);
  }, 60_000);
});

describe('a table with entries that cannot be imported', () => {
  it('has all other entries imported, names these, and exits with 2', async () => {
    const put = await goTable('mixed');
    const good = randomBytes(32);
    const own = await get('taken');
    const [one, other] = [await sealed(randomBytes(32)), await sealed(randomBytes(32))];
    await put('good', {
      L: Object.entries(await sealed(good)).map(([name, copy]) => ({ M: { [name]: copy } })),
    });
    await put('taken', { M: one });
    await put('white space', { M: one });
    await put('broken', { S: 'no map' });
    await put('short', { M: await sealed(randomBytes(24)) });
    await put('differ', {
      M: { 'us-east-1': one['us-east-1'] ?? {}, 'us-east-2': other['us-east-2'] ?? {} },
    } as AttributeValue);
    await put('closed', { M: { 'us-east-1': { S: Buffer.from('damaged').toString('base64') } } });

    const dry = await run('mixed', '--dry-run');
    expect([dry.code, dry.stdout.split('\n')[0]]).toEqual([
      2,
      '7 entries checked: 1 can be imported, 0 already present.',
    ]);
    expect(await aws.holds('good')).toBe(false);

    const { code, stdout } = await run('mixed', '--json');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id?: string; report?: unknown });
    const failures = Object.fromEntries(
      lines.flatMap((line) => (line.id === undefined ? [] : [[line.id, line]])),
    );
    expect(failures).toEqual({
      taken: { id: 'taken', failure: 'key.conflict' },
      'white space': expect.objectContaining({ failure: 'source.id-invalid' }),
      broken: expect.objectContaining({ failure: 'source.entry-unreadable' }),
      short: { id: 'short', failure: 'source.key-unsuitable' },
      differ: { id: 'differ', failure: 'source.copies-differ', regions: ['us-east-1', 'us-east-2'] },
      closed: {
        id: 'closed',
        failure: 'regions.exhausted',
        attempts: [{ region: 'us-east-1', failure: 'ciphertext.rejected' }],
      },
    });
    expect([code, lines.at(-1)]).toMatchObject([
      2,
      { report: { checked: 7, outcomes: { imported: 1 }, ok: false } },
    ]);
    expect((await get('good')).key).toBe(good.toString('base64'));
    expect((await get('taken')).key).toBe(own.key);
    expect(await aws.holds('differ')).toBe(false);
  }, 60_000);
});

describe('an import that is stopped', () => {
  it('continues where it stopped, and skips no key', async () => {
    const put = await goTable('stopped');
    const keys = { M: await sealed(randomBytes(32)) };
    for (let n = 0; n < 40; n += 1) await put(`stopped/${n}`, keys);
    const args = ['import', '--config', config, '--from-table', 'stopped', '--from-endpoint', watched.url];
    const first = lab.start([...args, '--rate', '10', '--concurrency', '2']);
    await until(() => importedFrom('stopped') > 4, 30_000);
    first.signal('SIGINT');
    const stopped = await first.ended;
    expect(importedFrom('stopped')).toBeLessThan(40);
    expect([stopped.code, stopped.stderr]).toEqual([3, expect.stringContaining('continue with --resume')]);
    const resumed = await lab.run([...args, '--resume']);
    expect([resumed.code, resumed.stdout]).toEqual([
      0,
      '40 entries checked: 40 imported, 0 already present.\n',
    ]);
  }, 60_000);
});

describe('an import is refused', () => {
  it.each<readonly [string, readonly string[], RegExp, number]>([
    ['from the deployment’s own table', ['--from-table', 'rkms'], /own store/, 1],
    [
      'over plain HTTP to elsewhere',
      ['--from-table', 'x', '--from-endpoint', 'http://example.com'],
      /https/,
      64,
    ],
    ['without a table', [], /--from-table/, 64],
  ])('%s', async (_, args, why, exitCode) => {
    const { code, stdout, stderr } = await lab.run(['import', '--config', config, ...args]);
    expect([code, stdout, stderr]).toEqual([exitCode, '', expect.stringMatching(why)]);
  });

  it('from a table that is not there, with the reason', async () => {
    const { code, stderr } = await run('nowhere');
    expect([code, stderr]).toEqual([1, expect.stringContaining('check --from-table and --from-region')]);
  });
});
