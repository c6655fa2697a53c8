// `rkms verify` and `rkms repair` as an operator runs them: the built program over the embedded store, beside a served
// process or without one. Damage is found and named, what can be repaired is repaired, and a stop loses nothing.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { embeddedConfig, Lab, modeOf, type Ended, type Served } from '../../support/served-process.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(120_000);

let lab: Lab;
let folders = 0;
beforeAll(() => {
  lab = new Lab();
});
afterAll(() => lab.close());

const all = ['us-east-1', 'us-east-2', 'us-west-2'] as const;

/** A deployment of its own for each test. */
let config: string;
let folder: string;
beforeEach(() => {
  folders += 1;
  folder = `data-${folders}`;
  config = configure();
});
const configure = (...regions: readonly string[]): string =>
  lab.write(
    `rkms-${folders}.toml`,
    embeddedConfig(`./${folder}`, { regions: regions.length > 0 ? [...regions] : [...all] }),
  );

const tokenOf = (): string => readFileSync(lab.path(folder, 'token'), 'utf8').trim();
const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `key/${n}`);
/** The keys of a data folder that a service made once for all tests; each test starts with a copy of it. */
let template: readonly string[];
const templateKeys = 40;
beforeAll(async () => {
  config = lab.write('template.toml', embeddedConfig('./template'));
  folder = 'template';
  const served = await lab.serve(config);
  template = await read(served, templateKeys);
  await served.stop();
});

/** Puts so many keys into the data folder of the test, and answers with them. */
function make(count: number): readonly string[] {
  lab.copyFolder('template', folder);
  const kept = JSON.stringify(ids(count));
  database((open) => {
    open.exec(`DELETE FROM keys WHERE id NOT IN (SELECT value FROM json_each('${kept}'))`);
  });
  return template.slice(0, count);
}

/** Serves until every id has its key, and answers with the keys. */
async function serveKeys(count: number): Promise<readonly string[]> {
  const served = await lab.serve(config);
  const keys = await read(served, count);
  await served.stop();
  return keys;
}
async function read(served: Served, count: number): Promise<readonly string[]> {
  const answers = await Promise.all(ids(count).map((id) => lab.get(served, id, tokenOf())));
  return answers.map(({ key, problem }) => key ?? String(problem));
}

function database<T>(act: (open: DatabaseSync) => T): T {
  const open = new DatabaseSync(lab.path(folder, 'rkms.sqlite'), { timeout: 5_000 });
  try {
    return act(open);
  } finally {
    open.close();
  }
}
/** Changes the stored ciphertexts of an id behind RKMS's back. */
const tamper = (id: string, expression: string): void => {
  database((open) => open.prepare(`UPDATE keys SET ciphertexts = ${expression} WHERE id = ?`).run(id));
};
const withoutCopy = (id: string, index: number): void => {
  tamper(id, `json_remove(ciphertexts, '$[${index}]')`);
};
const damageCopy = (id: string, index: number): void => {
  tamper(id, `json_set(ciphertexts, '$[${index}].bytes', 'AAECAw==')`);
};
const copiesOf = (id: string): readonly string[] =>
  database((open) => {
    const { ciphertexts } = open.prepare('SELECT ciphertexts FROM keys WHERE id = ?').get(id) ?? {};
    return (JSON.parse(String(ciphertexts)) as { readonly region: string }[]).map(({ region }) => region);
  });

const rkms = (command: string, ...options: readonly string[]): Promise<Ended> =>
  lab.run([command, '--config', config, ...options]);
/** The last line of a command's output with --json. */
const reportOf = ({ stdout }: Ended): Readonly<Record<string, unknown>> =>
  (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { report: Record<string, unknown> }).report;
const linesOf = ({ stdout }: Ended): readonly unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

describe('rkms verify', () => {
  it('of a store where every copy is good says so and exits with 0', async () => {
    make(5);
    const ended = await rkms('verify');
    expect(ended).toEqual({
      code: 0,
      stderr: '',
      stdout: [
        '5 keys verified: every copy is good.',
        'region     good  missing  unreadable  mismatched  not checked',
        'us-east-1     5        0           0           0            0',
        'us-east-2     5        0           0           0            0',
        'us-west-2     5        0           0           0            0',
        '',
      ].join('\n'),
    });
  });

  it('names missing, damaged, at-risk and lost keys, and exits with 2', async () => {
    make(6);
    withoutCopy('key/1', 0);
    damageCopy('key/2', 1);
    damageCopy('key/2', 2);
    for (const copy of [0, 1, 2]) damageCopy('key/3', copy);
    tamper('key/4', "'[{'");
    const ended = await rkms('verify');
    expect(ended.code).toBe(2);
    expect(ended.stdout.split('\n')).toEqual([
      '6 keys verified.',
      'region     good  missing  unreadable  mismatched  not checked',
      'us-east-1     3        1           1           0            0',
      'us-east-2     3        0           2           0            0',
      'us-west-2     3        0           2           0            0',
      '1 lost: no copy opens',
      '  key/3 1',
      '1 at risk: only one copy is good',
      '  key/2 1',
      '1 incomplete: copies are missing or damaged, but at least two are good',
      '  key/1 1',
      '1 unreadable: the record is damaged or has a newer format',
      '  key/4 1',
      '',
    ]);
    const json = await rkms('verify', '--json');
    const copies = (...kinds: readonly string[]): object =>
      Object.fromEntries(all.map((region, index) => [region, kinds[index]]));
    const lines = linesOf(json);
    expect(lines.slice(0, -1)).toEqual(
      expect.arrayContaining([
        { problem: 'incomplete', id: 'key/1', version: 1, copies: copies('missing', 'good', 'good') },
        { problem: 'at-risk', id: 'key/2', version: 1, copies: copies('good', 'unreadable', 'unreadable') },
        {
          problem: 'lost',
          id: 'key/3',
          version: 1,
          copies: copies('unreadable', 'unreadable', 'unreadable'),
        },
        { problem: 'unreadable', id: 'key/4', version: 1, detail: 'ciphertexts: not JSON' },
      ]),
    );
    expect([json.code, lines.length, reportOf(json)]).toMatchObject([2, 5, { ok: false, checked: 6 }]);
  });

  it('with --sample checks only some of the keys', async () => {
    make(40);
    const { checked, finished } = reportOf(await rkms('verify', '--json', '--sample', '20%')) as {
      readonly checked: number;
      readonly finished: boolean;
    };
    expect([checked < 30, finished]).toEqual([true, true]);
  });

  it('runs beside a served process, and changes nothing', async () => {
    const served = await lab.serve(config);
    const keys = await read(served, 5);
    const before = database((open) => open.prepare('SELECT * FROM keys').all());
    const [ended, others] = await Promise.all([rkms('verify'), read(served, 5)]);
    expect([ended.code, others]).toEqual([0, keys]);
    expect(database((open) => open.prepare('SELECT * FROM keys').all())).toEqual(before);
    await served.stop();
  });

  it('refuses a store that is not initialised, and creates nothing there', async () => {
    const ended = await rkms('verify');
    expect([ended.code, ended.stderr.split('\n')[0]]).toEqual([
      1,
      'rkms: the store has no genesis record, so RKMS cannot tell whether it is this deployment’s store',
    ]);
    expect(existsSync(lab.path(folder, 'master-keys'))).toBe(false);
  });

  it.each([
    ['--rate', '0'],
    ['--concurrency', 'many'],
    ['--sample', '0%'],
    ['--sample', '101%'],
    ['--sample', '0.5'],
  ])('refuses %s %s with 64', async (option, value) => {
    const ended = await rkms('verify', option, value);
    expect([ended.code, ended.stderr]).toEqual([64, expect.stringContaining('Expected')]);
  });
});

describe('rkms repair', () => {
  it('adds missing copies, replaces damaged ones, and does not change the keys', async () => {
    const keys = make(5);
    withoutCopy('key/1', 0);
    damageCopy('key/2', 1);
    damageCopy('key/2', 2);
    const dry = await rkms('repair', '--dry-run');
    expect([dry.code, dry.stdout.split('\n')[0]]).toEqual([
      2,
      '5 keys checked: 2 would change, 0 cannot be repaired completely.',
    ]);
    expect(copiesOf('key/1')).toEqual(['us-east-2', 'us-west-2']);
    const ended = await rkms('repair');
    expect([ended.code, ended.stdout.trimEnd().split('\n')]).toEqual([
      0,
      [
        '5 keys checked: 2 changed, 0 cannot be repaired completely.',
        'region     added  replaced  dropped  failed',
        expect.stringMatching(/^us-/),
        expect.stringMatching(/^us-/),
        expect.stringMatching(/^us-/),
      ],
    ]);
    expect((await rkms('verify')).code).toBe(0);
    expect(await serveKeys(5)).toEqual(keys);
    const audited = readFileSync(lab.path(folder, 'audit.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"key.repair"'));
    expect(audited).toHaveLength(2);
  });

  it('names what cannot be repaired, and exits with 2', async () => {
    make(3);
    for (const copy of [0, 1, 2]) damageCopy('key/1', copy);
    tamper('key/2', "'[{'");
    const ended = await rkms('repair', '--json');
    expect([ended.code, linesOf(ended)]).toEqual([
      2,
      expect.arrayContaining([
        {
          id: 'key/1',
          version: 1,
          added: [],
          replaced: [],
          dropped: [],
          failed: expect.anything(),
          failure: 'key.unreadable',
        },
        { id: 'key/2', version: 1, failure: 'key.unreadable' },
      ]),
    ]);
    expect(reportOf(ended)).toMatchObject({
      finished: true,
      ok: false,
      checked: 3,
      outcomes: {},
      problems: { 'key.unreadable': { count: 2 } },
    });
  });

  it('fills an added region, and drops a removed one only with --drop-removed', async () => {
    config = configure('us-east-1', 'us-east-2');
    const keys = await serveKeys(4);
    config = configure('us-east-2', 'us-west-2');
    expect((await rkms('verify')).code).toBe(2);
    expect((await rkms('repair')).code).toBe(0);
    expect([...copiesOf('key/0')].sort()).toEqual(['us-east-1', 'us-east-2', 'us-west-2']);
    const again = await rkms('repair', '--json');
    expect([again.code, reportOf(again)]).toMatchObject([0, { outcomes: {} }]);
    const dropping = await rkms('repair', '--drop-removed', '--json');
    expect([dropping.code, reportOf(dropping)]).toMatchObject([0, { outcomes: { changed: 4 } }]);
    expect([...copiesOf('key/0')].sort()).toEqual(['us-east-2', 'us-west-2']);
    expect((await rkms('verify')).code).toBe(0);
    expect(await serveKeys(4)).toEqual(keys);
  });

  it('twice at once, beside a served process, completes every key without changing it', async () => {
    const served = await lab.serve(config);
    const keys = await read(served, 30);
    for (const id of ids(30)) withoutCopy(id, 2);
    const repair = (): Promise<Ended> => lab.start(['repair', '--config', config]).ended;
    const [one, two, answers] = await Promise.all([repair(), repair(), read(served, 30)]);
    expect([one.code, two.code, answers]).toEqual([0, 0, keys]);
    expect((await rkms('verify')).code).toBe(0);
    expect(await read(served, 30)).toEqual(keys);
    await served.stop();
  });
});

describe('a served process', () => {
  it('repairs in the background a key that a read found incomplete', async () => {
    const [key] = make(1);
    withoutCopy('key/0', 1);
    const served = await lab.serve(config);
    const answer = await lab.get(served, 'key/0', tokenOf());
    await served.output((_, log) => (log.includes('"msg":"key repaired"') ? true : undefined));
    expect([answer.key, answer.headers['rkms-copies'], [...copiesOf('key/0')].sort()]).toEqual([
      key,
      '2/3',
      [...all],
    ]);
    expect((await lab.get(served, 'key/0', tokenOf())).headers['rkms-copies']).toBe('3/3');
    await served.stop();
  });

  it('does not repair when the configuration turns it off', async () => {
    make(1);
    withoutCopy('key/0', 1);
    const served = await lab.serve(config, { RKMS_REPAIR_BACKGROUND: 'off' });
    await lab.get(served, 'key/0', tokenOf());
    await lab.get(served, 'key/0', tokenOf());
    await served.stop();
    expect(copiesOf('key/0')).toHaveLength(2);
  });
});

describe('a scan that is interrupted', () => {
  const slowly = ['--rate', '10', '--concurrency', '2', '--json'];
  /** Starts it and stops it once it has found something. */
  async function interrupted(
    command: string,
    signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' = 'SIGINT',
  ): Promise<Ended> {
    const running = lab.start([command, '--config', config, ...slowly]);
    await running.output((stdout) => (stdout.split('\n').length > 4 ? true : undefined));
    return running.stop(signal);
  }
  const checkpointFile = (command: string): string => lab.path(folder, `${command}.checkpoint.json`);

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'by %s exits with 3, and continues with --resume: no key is skipped or counted twice',
    async (signal) => {
      make(40);
      for (const id of ids(40)) withoutCopy(id, 0);
      const first = await interrupted('verify', signal);
      expect([first.code, reportOf(first)]).toMatchObject([3, { finished: false }]);
      expect(modeOf(checkpointFile('verify'))).toBe('0600');
      const second = await rkms('verify', '--resume', '--json');
      const named = [...linesOf(first), ...linesOf(second)].flatMap((line) => {
        const { id } = line as { readonly id?: string };
        return id === undefined ? [] : [id];
      });
      expect([...named].sort()).toEqual([...ids(40)].sort());
      expect([second.code, reportOf(second)]).toMatchObject([
        2,
        { finished: true, checked: 40, problems: { incomplete: { count: 40 } } },
      ]);
      expect(existsSync(checkpointFile('verify'))).toBe(false);
    },
  );

  it('and is a repair skips nothing either', async () => {
    make(30);
    for (const id of ids(30)) withoutCopy(id, 0);
    expect((await interrupted('repair')).code).toBe(3);
    const second = await rkms('repair', '--resume', '--json');
    expect([second.code, reportOf(second)]).toMatchObject([
      0,
      { checked: 30, outcomes: { changed: 30 }, problems: {} },
    ]);
    expect((await rkms('verify')).code).toBe(0);
  });

  it('is not resumed with another store or other regions', async () => {
    make(40);
    for (const id of ids(40)) withoutCopy(id, 0);
    await interrupted('verify');
    config = configure('us-east-1', 'us-east-2');
    const other = await rkms('verify', '--resume');
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringContaining('with another store, other regions'),
    ]);
    config = configure();
    lab.write(`${folder}/verify.checkpoint.json`, 'nonsense');
    const broken = await rkms('verify', '--resume');
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('is not a checkpoint')]);
    rmSync(checkpointFile('verify'));
    const anew = await rkms('verify', '--resume', '--json');
    expect([anew.code, reportOf(anew)]).toMatchObject([2, { checked: 40 }]);
  });
});
