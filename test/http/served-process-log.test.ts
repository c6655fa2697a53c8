// The log of a served process: a request is found in it, in the audit log and in its answer by one id; it is whole when the
// process has stopped; and it is JSON or for people, as the configuration says.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from '../support/http-client.js';
import { embeddedConfig, Lab, type Ended } from '../support/served-process.js';

let lab: Lab;
let token: string;
let plain: Ended;
let pretty: Ended;

async function serve(format: string): Promise<Ended> {
  const served = await lab.serve(lab.path('rkms.toml'), { RKMS_LOG_FORMAT: format });
  const headers = { authorization: `Bearer ${token}`, 'x-request-id': `req-${format}` };
  const answer = await ask(served.url, { target: '/key?id=orders/secret-id', headers });
  lab.secrets.addKey((JSON.parse(answer.body) as { key: string }).key);
  expect(answer.headers['x-request-id']).toBe(`req-${format}`);
  return served.stop();
}

beforeAll(async () => {
  lab = new Lab();
  lab.write('rkms.toml', embeddedConfig(lab.path('data')));
  await lab.run(['init', '--config', lab.path('rkms.toml')]);
  token = await lab.token(lab.path('rkms.toml'), 'billing', 'read,create');
  plain = await serve('auto');
  pretty = await serve('pretty');
}, 60_000);
afterAll(() => lab.close());

describe('the log of a served process', () => {
  it('has one line of JSON for a request, found by the id that its answer and its audit line have', () => {
    const lines = plain.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const facts = { level: 30, time: expect.any(Number), durationMs: expect.any(Number) };
    const asked = { requestId: 'req-auto', caller: 'billing', authentication: 'token', method: 'GET' };
    const served = { region: 'us-east-1', created: true, copies: '3/3', attempts: 1, hedged: false };
    expect(lines.filter(({ requestId }) => requestId !== undefined)).toEqual([
      { ...facts, ...asked, route: '/key', status: 200, ...served, msg: 'request' },
    ]);
    const audit = readFileSync(lab.path('data', 'audit.jsonl'), 'utf8');
    expect(audit).toContain('"requestId":"req-auto"');
  });

  it('names no key in the line of a request', () => {
    const naming = (text: string): readonly string[] =>
      text.split('\n').filter((line) => line.includes('req-') && line.includes('secret-id'));
    expect([naming(plain.stderr), naming(pretty.stderr)]).toEqual([[], []]);
  });

  it('is whole when the process has stopped', () => {
    expect([plain.code, pretty.code]).toEqual([0, 0]);
    expect(plain.stderr).toContain('"msg":"stopping"');
    expect(plain.stderr.trimEnd().split('\n').at(-1)).toContain('audit log anchor');
  });

  it('is readable text where the configuration says so, with colours only on a terminal', () => {
    const line = pretty.stderr.split('\n').find((each) => each.includes('req-pretty'));
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}request requestId=req-pretty caller=billing .* region=us-east-1 /,
    );
  });

  it('and all else that it wrote hold no secret', () => {
    expect(lab.leaks([])).toEqual([]);
  });
});
