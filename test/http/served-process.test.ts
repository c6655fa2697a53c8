// The embedded default as its users meet it: the real program, from its first start to its last line of output.
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { filesOfLog } from '../../src/adapters/audit-file/audit-names.js';
import { auditLines } from '../support/audit-samples.js';
import { ask } from '../support/http-client.js';
import { embeddedConfig, Lab, modeOf, type Served } from '../support/served-process.js';

let lab: Lab;
beforeAll(() => {
  lab = new Lab();
});
afterAll(async () => {
  // Last of all, whatever the tests made: no secret in any output, audit log or store.
  const leaks = lab.leaks(['token']);
  const hunted = lab.secrets.size;
  await lab.close();
  expect(leaks).toEqual([]);
  expect(hunted).toBeGreaterThan(0);
});

const config = (folder: string, options = {}): string =>
  lab.write(`${folder}.toml`, embeddedConfig(`./${folder}`, options));
const tokenIn = (folder: string): string => {
  const token = readFileSync(lab.path(folder, 'token'), 'utf8').trim();
  lab.secrets.addToken(token);
  return token;
};
const auditIn = (folder: string): readonly Record<string, unknown>[] =>
  filesOfLog(lab.path(folder, 'audit.jsonl')).flatMap(auditLines);

describe('the first start in an empty folder', () => {
  let served: Served;
  beforeAll(async () => {
    served = await lab.serve(config('first'));
  });

  it('creates a data folder and files that only their owner may read', () => {
    expect(modeOf(lab.path('first'))).toBe('0700');
    expect(modeOf(lab.path('first', 'master-keys'))).toBe('0700');
    const files = ['token', 'tokens.json', 'audit.jsonl', 'rkms.sqlite', 'master-keys/us-east-1.key'];
    expect(files.map((name) => modeOf(lab.path('first', name)))).toEqual(files.map(() => '0600'));
  });

  it('prints where it serves, where the token is, and a line to paste', () => {
    const token = lab.path('first', 'token');
    expect(served.stdout).toBe(
      `RKMS serves ${served.url} (deployment "embedded"; regions us-east-1, us-east-2, us-west-2).\n` +
        `Operations: ${served.operationsUrl}\n` +
        `Its first token is in ${token}. Get a key:\n\n` +
        `  curl -H "Authorization: Bearer $(cat '${token}')" '${served.url}/key?id=orders/7'\n\n`,
    );
  });

  it('warns, in one line, that the master keys lie on this disk, and says nothing else', async () => {
    await served.output((_, log) => (log === '' ? undefined : true));
    expect(
      served.stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { level: 40, folder: 'first/master-keys', msg: expect.stringMatching(/^these regions are local/) },
    ]);
  });

  it('prints a line that fetches a key when pasted, and the same key after a restart', async () => {
    const [line = ''] = /^ {2}curl .*$/m.exec(served.stdout) ?? [];
    const pasted = await lab.shell(line.replace('curl', 'curl --silent --show-error'));
    const { key } = JSON.parse(pasted.stdout) as { key: string };
    lab.secrets.addKey(key);
    expect(pasted.code).toBe(0);
    expect(Buffer.from(key, 'base64')).toHaveLength(32);

    expect(await served.stop()).toMatchObject({ code: 0 });
    const again = await lab.serve(lab.path('first.toml'));
    const answer = await lab.get(again, 'orders/7', tokenIn('first'));
    expect([answer.key, answer.headers['rkms-copies']]).toEqual([key, '3/3']);
    expect(await again.stop('SIGINT')).toMatchObject({ code: 0 });
  });
});

describe('two processes on one data folder', () => {
  const distinct = (values: readonly (string | undefined)[]): number => new Set(values).size;

  it('answer 64 requests at once for each of ten new ids with one key per id (I1)', async () => {
    const path = config('shared');
    const both = [await lab.serve(path), await lab.serve(path)];
    const token = tokenIn('shared');
    const ids = Array.from({ length: 10 }, (_, index) => `shared/${index}`);
    const asked = Array.from({ length: 32 }, () => ids).flatMap((each) =>
      each.flatMap((id) => both.map(async (served) => ({ id, ...(await lab.get(served, id, token)) }))),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const keys = ids.map((id) =>
      distinct(answers.flatMap((answer) => (answer.id === id ? [answer.key] : []))),
    );
    expect([answers.length, keys, distinct(answers.map(({ key }) => key))]).toEqual([
      640,
      ids.map(() => 1),
      10,
    ]);
    const audited = auditIn('shared');
    expect(audited.filter(({ action }) => action === 'key.get')).toHaveLength(640);
    await Promise.all(both.map((served) => served.stop()));
  });

  it('that start at the same moment in an empty folder both come up, and agree', async () => {
    const path = config('race');
    const both = await Promise.all([lab.serve(path), lab.serve(path)]);
    const token = tokenIn('race');
    const answers = await Promise.all(
      both.flatMap((served) => [lab.get(served, 'a', token), lab.get(served, 'b', token)]),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect([
      distinct([answers[0]?.key, answers[2]?.key]),
      distinct([answers[1]?.key, answers[3]?.key]),
    ]).toEqual([1, 1]);
    const ended = await Promise.all(both.map((served) => served.stop()));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  });
});

describe('a process that is killed', () => {
  it('loses no key that it gave out', async () => {
    const path = config('killed');
    const first = await lab.serve(path);
    const token = tokenIn('killed');
    const ids = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const before = await Promise.all(ids.map((id) => lab.get(first, id, token)));
    expect(await first.stop('SIGKILL')).toMatchObject({ code: null });
    const second = await lab.serve(path);
    const after = await Promise.all(ids.map((id) => lab.get(second, id, token)));
    expect(after.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
    expect(new Set(after.map(({ key }) => key)).size).toBe(ids.length);
    await second.stop();
  });
});

describe('a served process', () => {
  let served: Served;
  let token: string;
  beforeAll(async () => {
    served = await lab.serve(config('plain'), { RKMS_KEYS_LENGTH_BYTES: '64' });
    token = tokenIn('plain');
  });

  it('obeys single options from the environment', async () => {
    const { key = '' } = await lab.get(served, 'long', token);
    expect(Buffer.from(key, 'base64')).toHaveLength(64);
  });

  it('writes a line for every request for a key into the audit log before it answers', async () => {
    await lab.get(served, 'audited', token);
    await lab.get(served, 'audited', token);
    const entries = auditIn('plain').filter(({ id }) => id === 'audited');
    const entry = {
      caller: 'local',
      method: 'token',
      action: 'key.get',
      version: 1,
      region: 'us-east-1',
      copies: '3/3',
    };
    expect(entries).toMatchObject([
      { ...entry, outcome: 'created' },
      { ...entry, outcome: 'opened' },
    ]);
  });

  it('takes a new token within a second, and gives its caller no more than it allows', async () => {
    const reader = await lab.token(lab.path('plain.toml'), 'reader', 'read');
    await lab.get(served, 'exists', token);
    let answer = await lab.get(served, 'exists', reader);
    for (const deadline = performance.now() + 3_000; answer.status === 401 && performance.now() < deadline;) {
      answer = await lab.get(served, 'exists', reader);
    }
    expect(answer.status).toBe(200);
    expect(await lab.get(served, 'absent', reader)).toMatchObject({ status: 404, problem: 'key.not-found' });
    const creator = await lab.token(lab.path('plain.toml'), 'creator', 'create');
    expect(creator).toMatch(/^rkms_/);
  });

  it('answers requests without a token only with whether it is alive', async () => {
    const answers = await Promise.all(
      ['/livez', '/readyz', '/key?id=long'].map((target) => ask(served.url, { target })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 401]);
    expect(answers.slice(0, 2).map(({ body }) => body)).toEqual(['ok\n', 'ok\n']);
  });

  it('ends at SIGTERM with exit code 0, and leaves no connection and no open file behind', async () => {
    expect(await served.stop()).toMatchObject({ code: 0 });
    await expect(ask(served.url, { target: '/livez' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(existsSync(lab.path('plain', 'rkms.sqlite-wal'))).toBe(false);
  });
});

describe('a stored record', () => {
  let served: Served;
  let token: string;
  let path: string;
  beforeAll(async () => {
    path = config('records');
    // The store alone is read, so that each change there is seen at once.
    served = await lab.serve(path, { RKMS_CACHE_RECORDS: '0' });
    token = tokenIn('records');
  });
  afterAll(async () => {
    await served.stop();
  });

  const inStore = <T>(act: (store: DatabaseSync) => T): T => {
    const store = new DatabaseSync(lab.path('records', 'rkms.sqlite'), { timeout: 2_000 });
    try {
      return act(store);
    } finally {
      store.close();
    }
  };
  const rowOf = (id: string): unknown =>
    inStore((store) => store.prepare('SELECT * FROM keys WHERE id = ?').get(id));

  it.each([
    ['of a newer format', 'newer', 'format = 2'],
    ['of a newer format that is not even JSON', 'newer-text', "format = 2, ciphertexts = 'x'"],
    ['whose ciphertexts are no JSON', 'torn', 'ciphertexts = substr(ciphertexts, 1, 20)'],
    ['whose ciphertexts are no list', 'object', "ciphertexts = '{}'"],
    ['without ciphertexts', 'empty', "ciphertexts = '[]'"],
    ['with another commitment', 'commitment', `commitment = '${'A'.repeat(43)}'`],
    [
      'with damaged ciphertexts',
      'damaged',
      'ciphertexts = replace(ciphertexts, \'"bytes":"\', \'"bytes":"AAAA\')',
    ],
    [
      'with the ciphertexts of another id',
      'swapped',
      "ciphertexts = (SELECT ciphertexts FROM keys WHERE id = 'donor')",
    ],
    [
      'with ciphertexts of unknown regions alone',
      'strangers',
      "ciphertexts = replace(ciphertexts, 'us-', 'xx-')",
    ],
  ])('%s is refused as unreadable, and stays as it is', async (_, id, change) => {
    await lab.get(served, 'donor', token);
    await lab.get(served, id, token);
    inStore((store) => store.prepare(`UPDATE keys SET ${change} WHERE id = ?`).run(id));
    const before = rowOf(id);
    const answer = await lab.get(served, id, token);
    expect(answer).toMatchObject({ status: 500, problem: 'key.unreadable', key: undefined });
    expect(answer.body).not.toMatch(/us-east|xx-east|format|JSON|commitment/);
    expect(rowOf(id)).toEqual(before);
  });

  it('that also names regions which are not configured opens with those that are', async () => {
    const { key } = await lab.get(served, 'moved', token);
    const renamed = "ciphertexts = replace(ciphertexts, 'us-east-1', 'eu-west-1')";
    inStore((store) => store.prepare(`UPDATE keys SET ${renamed} WHERE id = ?`).run('moved'));
    const answer = await lab.get(served, 'moved', token);
    expect(answer).toMatchObject({ status: 200, key });
    expect([answer.headers['rkms-region'], answer.headers['rkms-copies']]).toEqual(['us-east-2', '2/3']);
  });
});
