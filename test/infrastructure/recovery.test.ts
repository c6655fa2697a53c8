// What docs/recovery.md promises: a backup that is made while the service runs can be restored, `rkms verify` proves it, and
// with creating off an older store makes no second key.
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ask as askPath } from '../support/http-client.js';
import { awsVariables, PlayedAws } from '../support/played-aws.js';
import { until } from '../support/until.js';
import { embeddedConfig, Lab, type KeyAnswer, type Served } from '../support/served-process.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

let aws: PlayedAws;
let lab: Lab;
beforeAll(async () => {
  aws = await PlayedAws.start();
  // A busy machine is no silent region.
  lab = new Lab({
    ...awsVariables,
    RKMS_KMS_ATTEMPT_TIMEOUT_MS: '10000',
    RKMS_KMS_CONNECT_TIMEOUT_MS: '10000',
  });
});
afterAll(async () => {
  await lab.close();
  await aws.stop();
});

const ids = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}/${n}`);
const ask = (served: Served, token: string, of: readonly string[]): Promise<readonly KeyAnswer[]> =>
  Promise.all(of.map((id) => lab.get(served, id, token)));
const keysOf = (answers: readonly KeyAnswer[]): readonly unknown[] =>
  answers.map(({ key, problem }) => key ?? problem);
const lineOf = (answer: string): string => answer.split('\n')[0] ?? '';

describe('an SQLite store', () => {
  it('backed up while it is written to, lost, and restored, gives every key that it held', async () => {
    const config = lab.write('embedded.toml', embeddedConfig('./embedded'));
    const served = await lab.serve(config);
    const token = readFileSync(lab.path('embedded', 'token'), 'utf8').trim();
    const before = keysOf(await ask(served, token, ids('before', 20)));
    const meanwhile = ask(served, token, ids('meanwhile', 20));
    const store = lab.path('embedded', 'rkms.sqlite');
    const backup = lab.path('backup.sqlite');
    const open = new DatabaseSync(store, { timeout: 5_000 });
    open.prepare('VACUUM INTO ?').run(backup);
    open.close();
    await meanwhile;
    await ask(served, token, ids('after', 3));
    await served.stop();
    const lose = (): void => {
      for (const name of ['', '-wal', '-shm']) rmSync(`${store}${name}`, { force: true });
    };
    lose();
    // A new store beside this audit log would give lost ids second keys (I7).
    expect(await lab.run(['init', '--config', config])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('names keys that were created in another store'),
    });
    lose();
    copyFileSync(backup, store);

    const verified = await lab.run(['verify', '--config', config]);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    const reader = await lab.token(config, 'reader', 'read');
    const restored = await lab.serve(config);
    expect(keysOf(await ask(restored, reader, ids('before', 20)))).toEqual(before);
    expect(keysOf(await ask(restored, reader, ids('after', 3)))).toEqual([
      'key.not-found',
      'key.not-found',
      'key.not-found',
    ]);
    // Whoever may create gets no second key for an id that the audit log knows, nor for any other (I7).
    expect(keysOf(await ask(restored, token, ['after/0', 'new']))).toEqual([
      'store.misconfigured',
      'store.misconfigured',
    ]);
    expect(keysOf(await ask(restored, token, ids('before', 20)))).toEqual(before);
    expect((await askPath(restored.url, { target: '/readyz' })).body).toContain('no key is created');
    expect(restored.stderr).toContain('the store lacks keys that the audit log names: ');
    expect(restored.stderr).toContain('run: rkms recover --config ');

    const looked = await lab.run(['recover', '--config', config, '--json']);
    const { missing } = JSON.parse(looked.stdout) as { missing: readonly { id: string }[] };
    const lost = missing.map(({ id }) => id);
    expect([looked.code, lost]).toEqual([2, expect.arrayContaining([...ids('after', 3)])]);
    expect((await lab.run(['doctor', '--config', config])).stdout).toMatch(/BROKEN +known keys/);
    expect((await lab.run(['recover', '--config', config, '--accept-lost'])).code).toBe(0);
    await until(async () => (await lab.get(restored, 'new', token)).status === 200, 60_000);
    await restored.stop();
    const again = await lab.serve(config);
    expect((await lab.get(again, 'after/0', token)).status).toBe(200);
    await again.stop();
    expect((await lab.run(['audit', 'verify', '--config', config])).code).toBe(0);
  });
});

describe('a DynamoDB table', () => {
  it('restored from an export to a fresh table gives every key, and verify proves it', async () => {
    const config = lab.write('aws.toml', aws.config());
    expect((await lab.run(['init', '--config', config])).code).toBe(0);
    const token = await lab.token(config, 'tests', 'read,create');
    const served = await lab.serve(config);
    const keys = keysOf(await ask(served, token, ids('orders', 12)));
    await served.stop();
    const lines = await aws.exported();

    await aws.createTable('restored');
    await aws.restore('restored', lines);
    const there = lab.write('restored.toml', aws.config({ table: 'restored' }));
    const verified = await lab.run(['verify', '--config', there, '--json']);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    expect(JSON.parse(verified.stdout)).toMatchObject({ report: { checked: 12, ok: true } });
    const restored = await lab.serve(there);
    expect(keysOf(await ask(restored, token, ids('orders', 12)))).toEqual(keys);
    await restored.stop();
  });

  it('restored without its genesis item is refused', async () => {
    const lines = (await aws.exported()).split('\n').filter((line) => !line.includes('_rkms/genesis'));
    await aws.createTable('beheaded');
    await aws.restore('beheaded', lines.join('\n'));
    const config = lab.write('beheaded.toml', aws.config({ table: 'beheaded' }));
    const verified = await lab.run(['verify', '--config', config]);
    expect([verified.code, lineOf(verified.stderr)]).toEqual([
      1,
      'rkms: the store has no genesis record, so RKMS cannot tell whether it is this deployment’s store',
    ]);
  });

  it('is left at once on a second signal, though a region is silent, and the way so far is kept', async () => {
    const config = lab.write('silent.toml', aws.config());
    await aws.heal();
    await aws.regions[1].fail('silent');
    const patient = { RKMS_KMS_ATTEMPT_TIMEOUT_MS: '30000', RKMS_FAILOVER_MAX_TIMEOUT_MS: '30000' };
    const running = lab.start(['verify', '--config', config], patient);
    await until(() => aws.regions[1].calls.length > 0);
    running.signal('SIGINT');
    await running.output((_, log) => (log.includes('again to stop at once') ? true : undefined));
    const ended = await running.stop('SIGINT');
    expect([ended.code, ended.stdout]).toEqual([3, '']);
    await aws.heal();
    const resumed = await lab.run(['verify', '--config', config, '--resume', '--json']);
    const [report = ''] = resumed.stdout.trimEnd().split('\n').slice(-1);
    expect([resumed.code, JSON.parse(report)]).toMatchObject([0, { report: { checked: 12, ok: true } }]);
  });

  it('whose region fails is repaired once it is back', async () => {
    await aws.createTable('healing');
    const config = lab.write('healing.toml', aws.config({ deployment: 'healing', table: 'healing' }));
    expect((await lab.run(['init', '--config', config])).code).toBe(0);
    const token = await lab.token(config, 'tests', 'read,create');
    await aws.regions[1].fail('refused');
    const served = await lab.serve(config, { RKMS_REPAIR_BACKGROUND: 'off' });
    const keys = keysOf(await ask(served, token, ids('healing', 4)));
    const down = await lab.run(['repair', '--config', config, '--json']);
    expect(down.code).toBe(2);
    await aws.heal();
    const repaired = await lab.run(['repair', '--config', config, '--json']);
    expect([repaired.code, (await lab.run(['verify', '--config', config])).code]).toEqual([0, 0]);
    expect(keysOf(await ask(served, token, ids('healing', 4)))).toEqual(keys);
    await served.stop();
  });
});
