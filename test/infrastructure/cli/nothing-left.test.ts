// What commands leave behind: none but `rkms init` creates a store or a folder, and none whose output was not received has an
// effect that depends on it. Advice names the configuration that the command was run with.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { embeddedConfig, Lab } from '../../support/served-process.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

const lab = new Lab();
const config = lab.write('my rkms.toml', embeddedConfig('./data'));
const named = `--config '${config}'`;
afterAll(() => lab.close());

const reading = [
  ['keys', 'list'],
  ['keys', 'show', 'orders/7'],
  ['keys', 'get', 'orders/7', '--base64'],
  ['verify'],
  ['repair', '--dry-run'],
  ['repair'],
  ['token', 'list'],
  ['token', 'revoke', 'AAAABBBBCCCC'],
  ['audit', 'verify'],
  ['access', 'explain', '--caller', 'a', '--id', 'b'],
  ['doctor'],
  ['config', 'check'],
  ['config', 'show'],
];

describe('before there is a store', () => {
  it.each(reading)('rkms %s creates nothing', async (...args) => {
    const before = readdirSync(lab.folder);
    const { stderr } = await lab.run([...args, '--config', config]);
    expect(readdirSync(lab.folder)).toEqual(before);
    expect(stderr).not.toContain('   at ');
  });

  it('rkms verify creates nothing in an empty file either', async () => {
    writeFileSync(lab.path('empty.sqlite'), '');
    const other = lab.write('empty.toml', `${embeddedConfig('./none')}path = "empty.sqlite"\n`);
    const before = readdirSync(lab.folder);
    expect((await lab.run(['verify', '--config', other])).stderr).toContain('no genesis record');
    expect([readdirSync(lab.folder), statSync(lab.path('empty.sqlite')).size]).toEqual([before, 0]);
  });

  it('rkms verify creates no master key for a region that has no keys yet', async () => {
    const local = lab.write('local.toml', embeddedConfig('./local', { deployment: 'local' }));
    expect((await lab.run(['init', '--config', local])).code).toBe(0);
    for (const args of [['verify'], ['repair', '--dry-run']])
      expect((await lab.run([...args, '--config', local])).code).toBe(0);
    expect(readdirSync(lab.path('local'))).not.toContain('master-keys');
  });

  it('the advice names the configuration', async () => {
    const ended = await lab.run(['keys', 'list', '--config', config]);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining(`run: rkms init ${named}\n`)]);
    const without = await lab.run(['keys', 'list'], { RKMS_CONFIG: config });
    expect(without.stderr).toContain('run: rkms init\n');
  });

  it('the advice of the doctor names it too, also for programs', async () => {
    const mixed = lab.write(
      'mixed.toml',
      `${embeddedConfig('./mixed')}[[regions]]\nname = "eu-west-1"\nvault = "aws-kms"\nkms_key = "alias/a"\nendpoint = "http://127.0.0.1:9"\n`,
    );
    const ended = await lab.run(['doctor', '--config', mixed, '--json', '--limit', '0.5'], {
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    const { findings } = JSON.parse(ended.stdout) as { findings: { check: string; hint?: string }[] };
    const hintOf = (check: string): string | undefined => findings.find((each) => each.check === check)?.hint;
    expect([hintOf('genesis'), hintOf('tokens')]).toEqual([
      expect.stringContaining(`rkms init --config ${mixed}`),
      expect.stringContaining(`rkms token create --config ${mixed} --caller`),
    ]);
  });
});

describe('when standard output cannot be written', () => {
  const program = resolve('dist/src/infrastructure/main.js');
  const writingTo = (
    device: '/dev/full' | '/dev/null',
    ...args: readonly string[]
  ): { readonly status: number | null; readonly stderr: string } => {
    const file = openSync(device, 'w');
    const { status, stderr } = spawnSync(process.execPath, [program, ...args, '--config', config], {
      cwd: lab.folder,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', file, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(file);
    return { status, stderr };
  };
  const refused = { status: 1, stderr: 'rkms: standard output cannot be written (ENOSPC)\n' };

  it('a command says so in one line, without a stack', () => {
    expect(writingTo('/dev/full', 'config', 'show')).toEqual(refused);
  });

  it('a log that cannot be written does not end a command either', () => {
    const full = openSync('/dev/full', 'w');
    const log = pathToFileURL(resolve('dist/src/infrastructure/cli/support/error-log.js')).href;
    const script = `
      import { errorLog } from ${JSON.stringify(log)};
      process.stderr.on('error', () => undefined);
      const log = errorLog();
      log.error('one');
      setImmediate(() => { log.error('two'); process.exitCode = 7; });`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', full],
      timeout: 20_000,
    });
    closeSync(full);
    expect([ended.status, ended.signal]).toEqual([7, null]);
  });

  it('a new token that nobody received is not valid', async () => {
    expect(writingTo('/dev/full', 'token', 'create', '--caller', 'app', '--allow', 'read')).toEqual(refused);
    const { stdout } = await lab.run(['token', 'list', '--config', config, '--json']);
    expect(stdout).toContain('"revoked"');
    expect(stdout).not.toContain('"live"');
  });

  it('no token is created where nobody would receive it: /dev/null, which Node also opens for a closed output', async () => {
    const before = (await lab.run(['token', 'list', '--config', config, '--json'])).stdout;
    expect(writingTo('/dev/null', 'token', 'create', '--caller', 'app', '--allow', 'read')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('nobody would receive the token, so none was created'),
    });
    expect((await lab.run(['token', 'list', '--config', config, '--json'])).stdout).toBe(before);
  });
});
