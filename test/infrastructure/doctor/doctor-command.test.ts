// `rkms doctor` as it is run: the built program, its exit code by the worst finding, and an output without any secret.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startKmsServer, type KmsServer } from '../../support/kms-server.js';
import { embeddedConfig, Lab, type Ended, type Served } from '../../support/served-process.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

let lab: Lab;
let config: string;
let served: Served;
let token: string;
beforeAll(async () => {
  lab = new Lab();
  config = lab.write('rkms.toml', embeddedConfig('./data'));
  served = await lab.serve(config);
  token = readFileSync(lab.path('data', 'token'), 'utf8').trim();
  lab.secrets.addToken(token);
  await lab.get(served, 'orders/7', token);
}, 120_000);
afterAll(async () => {
  const leaks = lab.leaks(['token']);
  await lab.close();
  expect(leaks).toEqual([]);
});

const doctor = (...options: readonly string[]): Promise<Ended> =>
  lab.run(['doctor', '--config', config, ...options]);
/** Disks of test machines are as slow as they are. */
const withoutDisk = ({ stdout }: Ended): readonly unknown[] => {
  const { findings } = JSON.parse(stdout) as { findings: readonly { check: string; severity: string }[] };
  return findings.filter(
    ({ check, severity }) => check !== 'flush' && check !== 'space' && severity !== 'ok',
  );
};

describe('rkms doctor', () => {
  it('beside the service that runs finds nothing, and the service goes on', async () => {
    const ended = await doctor('--json');
    expect([withoutDisk(ended), ended.stderr]).toEqual([
      [{ subject: 'TLS', check: 'files', severity: 'skipped', found: expect.any(String) as unknown }],
      '',
    ]);
    expect([0, 4]).toContain(ended.code);
    expect((await lab.get(served, 'orders/7', token)).status).toBe(200);
  });

  it('ends with 2 when something is broken, and prints no colours where there is no terminal', async () => {
    chmodSync(lab.path('data', 'tokens.json'), 0o644);
    const ended = await doctor();
    chmodSync(lab.path('data', 'tokens.json'), 0o600);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toContain(
      '  BROKEN  tokens      the file data/tokens.json is open to other users (mode 0644)\n',
    );
    expect(ended.stdout).toContain("→ run: chmod 600 'data/tokens.json'\n");
    expect(ended.stdout).not.toContain('\u001b');
  });

  it('ends with 4 when there are warnings only', async () => {
    const ended = await lab.run(['doctor', '--config', config], { RKMS_SERVER_PROT: '1' });
    expect([ended.code, ended.stdout.includes('RKMS_SERVER_PROT')]).toEqual([4, true]);
  });

  it('tells of a configuration that cannot be used what is wrong with it', async () => {
    const path = lab.write('wrong.toml', 'deployment = "embedded"\n');
    const ended = await lab.run(['doctor', '--config', path]);
    expect([ended.code, ended.stdout.includes('at least one [[regions]] table'), ended.stderr]).toEqual([
      2,
      true,
      '',
    ]);
  });

  it('explains itself with examples and exit codes', async () => {
    const { code, stdout } = await lab.run(['doctor', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('rkms doctor --config aws.toml');
    expect(stdout).toContain(
      'The exit code is 0 when everything is ok, 4 when there are warnings only, 2 when',
    );
  });

  it('refuses a limit that is none', async () => {
    const ended = await doctor('--limit', '1h');
    expect([ended.code, ended.stderr.includes('from 0.1 to 60')]).toEqual([64, true]);
  });
});

describe('rkms doctor without credentials for AWS', () => {
  let kms: KmsServer;
  beforeAll(async () => {
    kms = await startKmsServer({ region: 'us-east-1' });
  });
  afterAll(() => kms.stop());

  it('says that there are none and what to do, once', async () => {
    const region = `[[regions]]\nname = "us-east-1"\nvault = "aws-kms"\nkms_key = "${kms.alias}"\nendpoint = "${kms.endpoint}"\n`;
    const path = lab.path('aws.toml');
    writeFileSync(path, `deployment = "aws"\ndata_dir = "./aws"\n${region}[store]\nkind = "sqlite"\n`);
    const ended = await lab.run(['doctor', '--config', path]);
    rmSync(path);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toContain(
      'credentials, source: no AWS credentials were found\n    → give the process a role',
    );
    expect(ended.stdout).toContain('key         not checked: it needs valid credentials');
  });
});
