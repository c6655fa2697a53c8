// Commands as an operator runs them, beside a served process: keys are listed, shown and, when asked for, given out; the
// configuration is checked and shown; and every example in the help works.
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { allCommands } from '../../../src/infrastructure/cli/support/command-tree.js';
import { examplesOf } from '../../../src/infrastructure/cli/support/examples.js';
import { createProgram } from '../../../src/infrastructure/cli/program.js';
import { embeddedConfig, Lab, type Ended, type Served } from '../../support/served-process.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

let lab: Lab;
let served: Served;
let config: string;
/** :: id -> key */
const keys = new Map<string, string>();

beforeAll(async () => {
  lab = new Lab();
  config = lab.write('aws.toml', embeddedConfig('./data'));
  served = await lab.serve(config);
  const token = readFileSync(lab.path('data', 'token'), 'utf8').trim();
  for (const id of ['orders/7', 'billing/42', 'billing/43', 'broken']) {
    keys.set(id, (await lab.get(served, id, token)).key ?? '');
  }
  const store = new DatabaseSync(lab.path('data', 'rkms.sqlite'), { timeout: 5_000 });
  store.exec(`UPDATE keys SET ciphertexts = json_remove(ciphertexts, '$[0]') WHERE id = 'billing/43'`);
  store.exec(`UPDATE keys SET ciphertexts = '[{' WHERE id = 'broken'`);
  store.close();
});
afterAll(() => lab.close());

const program = resolve('dist/src/infrastructure/main.js');
const rkms = (...args: readonly string[]): Promise<Ended> => lab.run([...args, '--config', config]);
const linesOf = ({ stdout }: Ended): readonly unknown[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line));
const audited = (): readonly Record<string, unknown>[] =>
  ['audit.jsonl', 'audit-2.jsonl']
    .flatMap((name) => readFileSync(lab.path('data', name), 'utf8').split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown;

describe('rkms keys list', () => {
  it('names every key with its copies, and ends with 2 for one that is unreadable', async () => {
    const { code, stdout, stderr } = await rkms('keys', 'list');
    const lines = stdout.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\dZ/g, 'YYYY-MM-DD HH:MMZ').split('\n');
    expect([code, stderr, lines[0], [...lines.slice(1, -2)].sort(), lines.at(-2)]).toEqual([
      2,
      '',
      'VERSION  COPIES  CREATED            ID',
      [
        '      1  -       unreadable         broken',
        '      1  2/3     YYYY-MM-DD HH:MMZ  billing/43',
        '      1  3/3     YYYY-MM-DD HH:MMZ  billing/42',
        '      1  3/3     YYYY-MM-DD HH:MMZ  orders/7',
      ],
      '4 keys.',
    ]);
  });

  it('prints a JSON line for each that was asked for', async () => {
    const ended = await rkms(
      'keys',
      'list',
      '--json',
      '--prefix',
      'b',
      '--pattern',
      'billing/*',
      '--pattern',
      'x',
    );
    expect([ended.code, linesOf(ended)]).toEqual([
      0,
      expect.arrayContaining([
        { id: 'billing/42', version: 1, copies: '3/3', missing: [], createdAt: time },
        { id: 'billing/43', version: 1, copies: '2/3', missing: ['us-east-1'], createdAt: time },
      ]),
    ]);
    expect(linesOf(ended)).toHaveLength(2);
    const unreadable = await rkms('keys', 'list', '--json', '--prefix', 'broken');
    expect([unreadable.code, linesOf(unreadable)]).toEqual([
      2,
      [{ id: 'broken', version: 1, unreadable: 'ciphertexts: not JSON' }],
    ]);
  });

  it('stops after as many as were asked for', async () => {
    const ended = await rkms('keys', 'list', '--json', '--limit', '1', '--pattern', 'billing/**');
    expect([ended.code, linesOf(ended).length]).toEqual([0, 1]);
  });

  it('ends without an error when its reader stops reading', async () => {
    const ended = await lab.shell(`'${process.execPath}' '${program}' keys list -c '${config}' | head -1`);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
  });
});

describe('rkms keys show', () => {
  it('tells of every region whether it has a copy, by which KMS key, and nothing that is secret', async () => {
    const ended = await rkms('keys', 'show', 'billing/43', '--json');
    const kmsKey = expect.any(String) as unknown;
    const ciphertextBytes = expect.any(Number) as unknown;
    expect([ended.code, JSON.parse(ended.stdout)]).toEqual([
      0,
      {
        id: 'billing/43',
        versions: [
          {
            version: 1,
            createdAt: time,
            revision: 1,
            format: 1,
            commitment: true,
            copies: '2/3',
            regions: [
              { region: 'us-east-1', configured: true, copy: 'missing' },
              { region: 'us-east-2', configured: true, copy: 'present', kmsKey, ciphertextBytes },
              { region: 'us-west-2', configured: true, copy: 'present', kmsKey, ciphertextBytes },
            ],
          },
        ],
      },
    ]);
  });

  it('is a table for people, and names regions that left the configuration', async () => {
    const fewer = lab.write('fewer.toml', embeddedConfig('./data', { regions: ['us-east-1', 'us-east-2'] }));
    const { code, stdout } = await lab.run(['keys', 'show', 'orders/7', '--config', fewer]);
    expect([code, stdout.split('\n').map((line) => line.replace(/ +\d+ {2}\S+$/, '  ...'))]).toEqual([
      0,
      [
        expect.stringMatching(
          /^orders\/7 version 1: copies 2\/2, created \S+Z, revision 1, format 1, commitment present$/,
        ),
        expect.stringMatching(/^REGION {5}COPY {5}CONFIGURED {2}BYTES {2}KMS KEY$/),
        'us-east-1  present  yes  ...',
        'us-east-2  present  yes  ...',
        'us-west-2  present  no  ...',
        '',
      ],
    ]);
  });

  it.each([
    [['orders/8'], 'there is no key orders/8'],
    [['orders/7', '--version', '2'], 'there is no key orders/7 with version 2'],
    [['broken'], 'The key cannot be decrypted (key.unreadable, ciphertexts: not JSON)'],
  ])('of %j ends with 1 and says why', async (args, problem) => {
    const { code, stdout, stderr } = await rkms('keys', 'show', ...args);
    expect([code, stdout, stderr.split('\n')[0]]).toEqual([1, '', `rkms: ${problem}`]);
  });
});

describe('rkms keys get', () => {
  it.each([
    ['--base64', (key: string) => `${key}\n`],
    ['--json', (key: string) => `${JSON.stringify({ id: 'orders/7', version: 1, key })}\n`],
  ])('gives out with %s the key that the service gives out', async (form, expected) => {
    const ended = await rkms('keys', 'get', 'orders/7', form);
    expect(ended).toEqual({ code: 0, stdout: expected(keys.get('orders/7') ?? ''), stderr: '' });
  });

  it('gives out its bytes', async () => {
    const line = `'${process.execPath}' '${program}' keys get orders/7 --raw -c '${config}' | base64`;
    expect((await lab.shell(line)).stdout).toBe(`${keys.get('orders/7') ?? ''}\n`);
  });

  it('leaves a line in the audit log that names the user who ran it', async () => {
    await rkms('keys', 'get', 'billing/42', '--json');
    await rkms('keys', 'get', 'nobody/1', '--json');
    const lines = audited().filter(({ method }) => method === 'command-line');
    const facts = { action: 'key.get', caller: userInfo().username, method: 'command-line' };
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...facts, id: 'billing/42', outcome: 'opened', copies: '3/3' }),
        expect.objectContaining({ ...facts, id: 'nobody/1', outcome: 'key.not-found' }),
      ]),
    );
    expect((await rkms('audit', 'verify')).code).toBe(0);
  });

  it('makes no key', async () => {
    const { code, stdout, stderr } = await rkms('keys', 'get', 'nobody/2', '--base64');
    expect([code, stdout, stderr.split('\n')[0]]).toEqual([1, '', 'rkms: Key not found (key.not-found)']);
    expect(linesOf(await rkms('keys', 'list', '--json', '--prefix', 'nobody'))).toEqual([]);
  });

  it('gives out nothing without being told how, nor of a version that is not there', async () => {
    const formless = await rkms('keys', 'get', 'orders/7');
    const versioned = await rkms('keys', 'get', 'orders/7', '--base64', '--version', '2');
    expect(
      [formless, versioned].map(({ code, stdout, stderr }) => [code, stdout, stderr.split('\n')[0]]),
    ).toEqual([
      [64, '', 'rkms: choose how to print the key: --base64, --raw or --json'],
      [1, '', 'rkms: there is no version 2 of orders/7'],
    ]);
  });

  it('shows nothing on a terminal unless told to', async () => {
    const onTerminal = (...more: readonly string[]): Promise<Ended> => {
      const line = [process.execPath, program, 'keys', 'get', 'orders/7', '--base64', '-c', config, ...more];
      return lab.shell(`script -qec '${line.join(' ')}' /dev/null`);
    };
    const key = keys.get('orders/7') ?? 'none';
    const [refused, told] = [await onTerminal(), await onTerminal('--to-terminal')];
    expect([refused.code, refused.stdout.includes(key), told.code, told.stdout.includes(key)]).toEqual([
      64,
      false,
      0,
      true,
    ]);
    expect(refused.stdout).toContain('rkms: a terminal would show the key');
  });
});

describe('rkms config', () => {
  it('check is content with what is right, and notes variables that name no option', async () => {
    const ended = await lab.run(['config', 'check', '--config', config], { RKMS_SERVER_PROT: '1' });
    expect(ended).toEqual({
      code: 0,
      stdout:
        'note: the variable RKMS_SERVER_PROT (did you mean RKMS_SERVER_PORT?) matches no option\n' +
        `${config} is valid: deployment "embedded", regions us-east-1, us-east-2, us-west-2, store SQLite in data/rkms.sqlite.\n`,
      stderr: '',
    });
  });

  it('check names all that is wrong with its line, and ends with 2', async () => {
    const path = lab.write(
      'wrong.toml',
      'deployment = "a b"\n\n[server]\nport = 80000\ntsl = "on"\n\n[[regions]]\nname = "us-east-1"\nvault = "aws-kms"\n',
    );
    const wrong = await lab.run(['config', 'check', '--config', path], { RKMS_LOG_LEVEL: 'loud' });
    expect([wrong.code, wrong.stderr, wrong.stdout.split('\n')]).toEqual([
      2,
      '',
      [
        `${path}:1: deployment: found "a b"; expected 1 to 64 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit`,
        `${path}:4: server.port: found 80000; expected a whole number from 0 to 65535`,
        `${path}:5: server.tsl: found an unknown key; expected "tls"?`,
        `${path}:7: regions[0].kms_key: found nothing; expected the ARN, id or alias of a symmetric KMS key in this region`,
        'store: found nothing; expected a table with kind = "sqlite" or "dynamodb"',
        'log.level: found "loud" in RKMS_LOG_LEVEL; expected one of "debug", "info", "warn", "error", "silent"',
        `${path} has 6 problems.`,
        '',
      ],
    ]);
    const json = await lab.run(['config', 'check', '--config', path, '--json']);
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([
      2,
      { file: path, valid: false, problems: { length: 5 }, notes: [] },
    ]);
  });

  it('check names what a start would refuse in the environment', async () => {
    const ended = await lab.run(['config', 'check', '--config', config], { SSLKEYLOGFILE: 'keys.log' });
    expect([ended.code, ended.stdout]).toEqual([
      2,
      expect.stringMatching(
        /^SSLKEYLOGFILE: found it in the environment, and it writes the keys of TLS into a file; /,
      ),
    ]);
  });

  it('show says of each value where it came from', async () => {
    const { code, stdout } = await lab.run(['config', 'show', '--config', config], {
      RKMS_SERVER_PORT: '9000',
    });
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(code).toBe(0);
    expect(rows).toEqual(
      expect.arrayContaining([
        ['OPTION', 'VALUE', 'FROM'],
        ['deployment', '"embedded"', `${config}:1`],
        ['server.host', '"127.0.0.1"', 'default'],
        ['server.port', '9000', 'RKMS_SERVER_PORT'],
        ['server.tls', '"off"', 'default'],
        ['regions[1].name', '"us-east-2"', `${config}:9`],
        ['audit.file', '"data/audit.jsonl"', 'default'],
      ]),
    );
  });
});

/** What cannot be run here, and why. */
const notRun: Readonly<Record<string, string>> = {
  'rkms serve': 'it goes on until it is stopped; make run does it',
  'RKMS_SERVER_PORT=9000 rkms serve --config aws.toml': 'it goes on until it is stopped',
  'rkms import --config aws.toml --from-table rkms_keys --dry-run': 'needs a table of the Go original',
  'rkms import --config aws.toml --from-table rkms_keys --rate 20': 'needs a table of the Go original',
};

const everyCommand = allCommands(createProgram('0'));

describe('an example in the help', () => {
  const lines = everyCommand.flatMap(({ command }) => examplesOf(command).map(([, line]) => line));
  const runnable = [...new Set(lines)].filter((line) => notRun[line] === undefined);
  /** :: line -> how it ended */
  const ended = new Map<string, Ended>();

  beforeAll(async () => {
    mkdirSync(lab.path('bin'));
    chmodSync(lab.write('bin/rkms', lab.rkmsProgram), 0o700);
    const store = new DatabaseSync(lab.path('data', 'rkms.sqlite'), { timeout: 5_000 });
    store.exec(`DELETE FROM keys WHERE id = 'broken'`);
    store.close();
    await rkms('recover', '--accept-lost');
    await rkms('repair');
    const [, revocable = ''] = (await lab.token(config, 'leaker', 'read')).split('_');
    const left = runnable.values();
    const work = async (): Promise<void> => {
      for (const line of left) {
        const command = line.replace('AAAABBBBCCCC', revocable).replaceAll("'", `'\\''`);
        ended.set(line, await lab.shell(`PATH="$PWD/bin:$PATH" bash -c '${command}'`));
      }
    };
    await Promise.all([work(), work(), work()]);
    rmSync(lab.path('orders-7.key'), { force: true });
  }, 600_000);

  it.each(runnable)('works: %s', (line) => {
    // The doctor may have something to say of this machine.
    const { code, stderr } = ended.get(line) ?? {};
    const isWell = code === 0 || (code === 4 && line.startsWith('rkms doctor'));
    expect([isWell, code, stderr]).toEqual([true, code, '']);
  });

  it('that is not run is one that there is', () => {
    expect(Object.keys(notRun).filter((line) => !lines.includes(line))).toEqual([]);
  });
});
