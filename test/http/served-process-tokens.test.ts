// Tokens and rights as an operator handles them: made, listed, revoked and explained by the program, heeded by a process
// that serves meanwhile.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { ask } from '../support/http-client.js';
import { embeddedConfig, Lab, type Ended, type Served } from '../support/served-process.js';

const rights = `
[[callers]]
name = "billing"
allow = ["read", "create"]
ids = ["billing/**"]
deny = ["billing/secret/*"]
[[callers]]
name = "on-call"
allow = ["operate"]
[[callers]]
name = "local"
allow = ["read", "create", "operate"]
ids = ["**"]
`;

let lab: Lab;
let config: string;
let served: Served;
beforeAll(async () => {
  lab = new Lab();
  config = lab.write('rights.toml', embeddedConfig('./data') + rights);
  served = await lab.serve(config);
}, 60_000);
afterAll(async () => {
  const leaks = lab.leaks(['rkms.sqlite', 'token']);
  await lab.close();
  expect(leaks).toEqual([]);
}, 60_000);

const run = (...args: readonly string[]): Promise<Ended> => lab.run([...args, '--config', config]);
async function made(caller: string, allow: string, ...more: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(
    'token',
    'create',
    '--caller',
    caller,
    '--allow',
    allow,
    ...more,
  );
  expect([code, stderr]).toEqual([0, '']);
  lab.secrets.addToken(stdout.trim());
  return stdout.trim();
}
const publicIdOf = (token: string): string => token.slice(5, 17);
const explain = (caller: string, id: string, ...more: readonly string[]): Promise<Ended> =>
  run('access', 'explain', '--caller', caller, '--id', id, ...more);
interface Listed {
  readonly id: string;
  readonly caller: string;
  readonly state: string;
}
const listed = async (): Promise<readonly Listed[]> =>
  JSON.parse((await run('token', 'list', '--json')).stdout) as readonly Listed[];

/** Asks until the answer has the status; fails after 5 s, within which a change must be heeded. */
async function untilStatus(status: number, id: string, token: string, agent?: Agent): Promise<void> {
  const deadline = performance.now() + 5_000;
  const asked = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await ask(served.url, { target: `/key?id=${id}`, headers, ...(agent && { agent }) });
    return answer.status;
  };
  let last = await asked();
  while (last !== status && performance.now() < deadline) last = await asked();
  expect(last).toBe(status);
}

describe('a token', () => {
  it('is made for some ids, serves them, is listed without its secret, and is revoked within 5 s', async () => {
    const token = await made('billing', 'read,create', '--ids', 'billing/*,other/*', '--expires', '7d');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await untilStatus(200, 'billing/42', token, agent);
    for (const id of ['billing/a/b', 'billing/secret/1', 'other/1', 'payroll/1']) {
      expect(await lab.get(served, id, token)).toMatchObject({ status: 403, problem: 'access.denied' });
    }

    const [entry] = (await listed()).filter(({ caller }) => caller === 'billing');
    const times = { notBefore: expect.any(String), expires: expect.any(String) };
    expect(entry).toStrictEqual({
      id: publicIdOf(token),
      caller: 'billing',
      allow: ['read', 'create'],
      ids: ['billing/*', 'other/*'],
      ...times,
      state: 'live',
    });
    const { notBefore, expires } = entry as unknown as { notBefore: string; expires: string };
    expect(Date.parse(expires) - Date.parse(notBefore)).toBe(7 * 86_400_000);

    expect(await run('token', 'revoke', publicIdOf(token))).toEqual({
      code: 0,
      stdout: `The token ${publicIdOf(token)} of "billing" is revoked.\n`,
      stderr: '',
    });
    await untilStatus(401, 'billing/42', token, agent);
    agent.destroy();
    expect((await listed()).find(({ id }) => id === publicIdOf(token))?.state).toBe('revoked');
  }, 60_000);

  it('of which a caller has two already is refused, with what to do; the first is revoked by its text', async () => {
    const [first, second] = [await made('on-call', 'operate'), await made('on-call', 'operate')];
    const third = await run('token', 'create', '--caller', 'on-call', '--allow', 'operate');
    expect(third).toEqual({
      code: 1,
      stdout: '',
      stderr: `rkms: "on-call" already has 2 valid tokens: ${publicIdOf(first)}, ${publicIdOf(second)}\n  revoke the one that is no longer used: rkms token revoke --config ${config} <public id>\n`,
    });
    const revoked = await run('token', 'revoke', first);
    expect([revoked.code, revoked.stdout]).toEqual([
      0,
      `The token ${publicIdOf(first)} of "on-call" is revoked.\n`,
    ]);
    await made('on-call', 'operate');
  }, 60_000);

  it('that is unknown is not revoked, and the error does not repeat it', async () => {
    const secret = 'rkms_AAAABBBBCCCC_not-quite-a-token';
    const { code, stdout, stderr } = await run('token', 'revoke', secret);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^rkms: there is no token with this public id; nothing was revoked\n {2}see/);
    expect(stderr).not.toContain('not-quite');
  });

  it.each([
    ['billing/**/x', /Expected at most one \* in a segment, and \*\* only as the whole last segment\./],
    ['billing/*,', /Expected a pattern of ids, as billing\/\*/],
    ['billing/?', /Expected a pattern of the characters that ids have/],
  ])('for the pattern %s is refused with what is expected', async (pattern, expected) => {
    const ended = await run('token', 'create', '--caller', 'x', '--allow', 'read', '--ids', pattern);
    expect([ended.code, ended.stdout]).toEqual([64, '']);
    expect(ended.stderr).toMatch(expected);
  });

  it('is listed for people in columns', async () => {
    const { stdout } = await run('token', 'list');
    const [head, first] = stdout.split('\n');
    expect(head).toMatch(/^PUBLIC ID {5}CALLER {3}ALLOW +IDS +NOT BEFORE +EXPIRES +STATE$/);
    const id = publicIdOf(readFileSync(lab.path('data', 'token'), 'utf8'));
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\dZ`;
    expect(first).toMatch(
      new RegExp(String.raw`^${id} +local +read,create,operate,metrics +\*\* +${time} +never +live$`),
    );
  });
});

describe('the rights of a caller', () => {
  it('are explained by the lines that decide', async () => {
    const token = `token ${publicIdOf(await made('billing', 'read', '--ids', 'billing/*'))}`;
    const told = async (id: string): Promise<unknown> =>
      JSON.parse((await explain('billing', id, '--json')).stdout);
    const no = { allowed: false };
    const lacks = (source: string): string => `default deny: ${source} does not allow it`;
    expect(await told('billing/42')).toEqual({
      caller: 'billing',
      id: 'billing/42',
      permissions: [
        {
          permission: 'read',
          allowed: true,
          by: [`callers[0] ids "billing/**" and ${token} ids "billing/*"`],
        },
        { permission: 'create', allowed: false, by: [lacks(token)] },
        { permission: 'operate', ...no, by: [`${lacks('callers[0]')} and ${lacks(token)}`] },
        { permission: 'metrics', ...no, by: [`${lacks('callers[0]')} and ${lacks(token)}`] },
      ],
    });
    expect(await told('billing/secret/1')).toMatchObject({
      permissions: [
        {
          allowed: false,
          by: [`callers[0] deny "billing/secret/*" and default deny: ${token} has no pattern that matches`],
        },
        { allowed: false },
        { allowed: false },
        { allowed: false },
      ],
    });
  }, 60_000);

  it('are explained for people, one row per permission', async () => {
    const { stdout } = await explain('local', 'anything');
    const token = `token ${publicIdOf(readFileSync(lab.path('data', 'token'), 'utf8'))}`;
    expect(stdout).toBe(
      [
        'PERMISSION  ALLOWED  BY',
        `read        yes      callers[2] ids "**" and ${token} ids "**"`,
        `create      yes      callers[2] ids "**" and ${token} ids "**"`,
        `operate     yes      callers[2] allow and ${token} allow`,
        'metrics     no       default deny: callers[2] does not allow it',
        '',
      ].join('\n'),
    );
  });

  it('are none without a token', async () => {
    const by = ['default deny: the caller has no token that is good now'];
    expect(JSON.parse((await explain('payroll', 'a', '--json')).stdout)).toMatchObject({
      permissions: ['read', 'create', 'operate', 'metrics'].map((permission) => ({
        permission,
        allowed: false,
        by,
      })),
    });
  });

  it('are none for a caller that is not configured, whatever their token says', async () => {
    const token = await made('stranger', 'read,create');
    await untilStatus(403, 'a', token);
    const { stdout } = await explain('stranger', 'a');
    expect(stdout.split('\n')[1]).toBe(
      'read        no       default deny: not in [[callers]] does not allow it',
    );
  }, 60_000);

  it.each([
    [['--id', 'a'], /required option '--caller <name>' not specified/],
    [['--caller', 'a'], /required option '--id <id>' not specified/],
    [['--caller', 'a', '--id', '../x'], /An id has 1 to 255 characters/],
  ])('are not explained for %j', async (args, error) => {
    const { code, stderr } = await lab.run(['access', 'explain', ...args]);
    expect([code, error.test(stderr)]).toEqual([64, true]);
  });
});
