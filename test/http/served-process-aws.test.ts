// RKMS on AWS, end to end: real processes, three regions' KMS and DynamoDB over real HTTP, and every way in which a
// region can fail while keys are read and made.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from '../support/http-client.js';
import type { KmsFault, KmsFaultOptions } from '../support/kms-server.js';
import { attemptTimeoutMs, awsVariables, PlayedAws } from '../support/played-aws.js';
import { Lab, type KeyAnswer, type Served } from '../support/served-process.js';
import { until } from '../support/until.js';

/** Every request meets the fault itself: no region is left alone for what calls found, save for its configuration. */
const judgesNoRegion = `
[failover]
consecutive_failures = 1000
failure_ratio = 1
min_calls = 100000
mismatched_ids = 1000
rejected_ids = 1000
misconfigured_probe_ms = 100
open_ms = 100
max_open_ms = 100
probe_successes = 1
ramp_ms = 100
[repair]
background = "off"
`;

let aws: PlayedAws;
let lab: Lab;
let config: string;
let token: string;
let served: Served;
let stable: KeyAnswer;

beforeAll(async () => {
  lab = new Lab(awsVariables);
  aws = await PlayedAws.start();
  config = lab.write('aws.toml', `${aws.config()}\n${judgesNoRegion}`);
  await lab.run(['init', '--config', config]);
  token = await lab.token(config, 'app', 'read,create');
  served = await lab.serve(config);
  stable = await get('stable');
  await aws.heal();
}, 30_000);
afterEach(() => aws.heal());
afterAll(async () => {
  const leaks = lab.leaks([]);
  const hunted = lab.secrets.size;
  // The processes first: they still write to the table.
  await lab.close();
  await aws.stop();
  expect(leaks).toEqual([]);
  expect(hunted).toBeGreaterThan(0);
}, 30_000);

const get = (id: string): Promise<KeyAnswer> => lab.get(served, id, token);
const copies = ({ headers }: KeyAnswer): unknown => headers['rkms-copies'];
/** New keys are held by every region again, as soon as the supervisor has seen that those are back. */
function untilWhole(name: string): Promise<void> {
  let made = 0;
  return until(async () => copies(await get(`${name}/${(made += 1)}`)) === '3/3');
}
const fail = (count: number, fault: KmsFault, options?: KmsFaultOptions): Promise<unknown> =>
  Promise.all(aws.regions.slice(0, count).map((region) => region.fail(fault, options)));

/** Every fault of a region after which the next region is tried. */
const faults: readonly (readonly [KmsFault, KmsFaultOptions?])[] = [
  ['refused'],
  ['reset'],
  ['reset-mid-answer'],
  ['silent'],
  ['dripping'],
  ['slow', { slowMs: attemptTimeoutMs * 4 }],
  ['server-error'],
  ['internal-error'],
  ['dependency-timeout'],
  ['key-unavailable'],
  ['throttled'],
  ['limit-exceeded'],
  ['disabled'],
  ['pending-deletion'],
  ['not-found'],
  ['access-denied'],
  ['expired-credentials'],
  ['garbage'],
  ['wrong-plaintext'],
  ['wrong-length'],
  ['wrong-key-id'],
];

describe('with all regions well', () => {
  it('a key is held by every region and is opened by the preferred one', async () => {
    expect([stable.status, copies(stable), stable.headers['rkms-region']]).toEqual([200, '3/3', 'us-east-1']);
    expect(await get('stable')).toMatchObject({ status: 200, key: stable.key });
    const [first, second] = aws.regions;
    const { commitment, ...context } = Object.fromEntries(
      Object.entries(first.calls.at(-1)?.context ?? {}).map(([name, value]) => [
        name.replace('rkms:', ''),
        value,
      ]),
    );
    expect([context, commitment]).toEqual([
      { deployment: 'aws', id: 'stable', version: '1' },
      expect.stringMatching(/^[\w-]{43}$/),
    ]);
    expect(first.calls.at(-1)?.keyId).toBe(first.keyArn);
    expect(second.calls.filter(({ operation }) => operation === 'Decrypt')).toEqual([]);
  });
});

describe.each(faults)('with the preferred region "%s"', (fault, options) => {
  it('keys are read from the next region and made in two; once it is well, in all three', async () => {
    await fail(1, fault, options);
    const [read, made] = await Promise.all([get('stable'), get(`made/${fault}`)]);
    expect([read.status, read.key, read.headers['rkms-region']]).toEqual([200, stable.key, 'us-east-2']);
    expect([made.status, copies(made)]).toEqual([200, '2/3']);
    const [, second, third] = aws.regions;
    const seen = second.calls.filter(({ context }) => context['rkms:id'] === 'stable');
    expect(seen.map(({ operation }) => operation)).toEqual(['Decrypt']);
    const wrapped = third.calls.filter(({ context }) => context['rkms:id'] === `made/${fault}`);
    // On a busy machine a hedge may generate the key here. Either way this region proves that it can open it.
    expect(wrapped.map(({ operation }) => operation)).toContain('Decrypt');

    await aws.heal();
    expect(await get(`made/${fault}`)).toMatchObject({ status: 200, key: made.key });
    await untilWhole(`healed/${fault}`);
  });
});

describe('with the regions calling our requests invalid', () => {
  it('one is asked and no other, for every region would say so, and nothing is made', async () => {
    await fail(3, 'invalid-request');
    expect(await get('stable')).toMatchObject({
      status: 500,
      problem: 'vault.request-invalid',
      key: undefined,
    });
    expect(await get('invalid')).toMatchObject({ status: 503, problem: 'regions.below-quorum' });
    const asked = aws.regions.flatMap(({ calls }) => calls.map(({ operation }) => operation));
    expect(asked.filter((operation) => operation === 'Decrypt')).toHaveLength(1);
    expect(asked.filter((operation) => operation === 'GenerateDataKey')).toHaveLength(1);
    expect(await aws.holds('invalid')).toBe(false);
    await aws.heal();
    expect(await get('stable')).toMatchObject({ status: 200, key: stable.key });
  });
});

describe.each<KmsFault>(['refused', 'silent', 'throttled', 'disabled', 'wrong-plaintext'])(
  'with two regions "%s"',
  (fault) => {
    it('keys are read from the third, and none is made', async () => {
      await fail(2, fault);
      const [read, made] = await Promise.all([get('stable'), get(`two/${fault}`)]);
      expect([read.status, read.key, read.headers['rkms-region']]).toEqual([200, stable.key, 'us-west-2']);
      expect(made).toMatchObject({ status: 503, problem: 'regions.below-quorum', key: undefined });
      expect(made.headers['retry-after']).toMatch(/^[123]$/);
      expect(await aws.holds(`two/${fault}`)).toBe(false);
      await aws.heal();
      await untilWhole(`two/${fault}`);
    });
  },
);

describe('with every region failing', () => {
  it.each<readonly [KmsFault, number, string]>([
    ['refused', 503, 'regions.exhausted'],
    // Regions that hang are waited for until the deadline of the request.
    ['silent', 503, 'call.aborted'],
    ['throttled', 503, 'regions.exhausted'],
    ['access-denied', 503, 'regions.exhausted'],
    ['expired-credentials', 503, 'credentials.invalid'],
    ['wrong-plaintext', 500, 'key.unreadable'],
    ['wrong-key-id', 500, 'key.unreadable'],
  ])('"%s", a read is %i %s, and no key is made', async (fault, status, problem) => {
    await fail(3, fault);
    const [read, made] = await Promise.all([get('stable'), get(`all/${fault}`)]);
    expect(read).toMatchObject({ status, problem, key: undefined });
    const notMade = fault === 'silent' ? 'call.aborted' : 'regions.below-quorum';
    expect(made).toMatchObject({ status: 503, problem: notMade, key: undefined });
    expect(/^[123]$/.test(read.headers['retry-after'] ?? '')).toBe(status === 503);
    for (const { body } of [read, made]) expect(body).not.toMatch(/us-(east|west)|arn:|alias|Exception/);
    expect(await aws.holds(`all/${fault}`)).toBe(false);
    await aws.heal();
    expect(await get('stable')).toMatchObject({ status: 200, key: stable.key });
  });
});

describe('two processes on one table', () => {
  it('give 64 requests at once for each of four new ids one key per id (I1)', async () => {
    // Processes that have this machine's two cores to themselves answer in time; here they share it with all of AWS.
    const patient = { RKMS_KMS_ATTEMPT_TIMEOUT_MS: '10000', RKMS_SERVER_REQUEST_TIMEOUT_MS: '20000' };
    const both = [await lab.serve(config, patient), await lab.serve(config, patient)];
    const ids = ['a', 'b', 'c', 'd'].map((name) => `shared/${name}`);
    const answers = await Promise.all(
      Array.from({ length: 32 }, () => ids).flatMap((each) =>
        each.flatMap((id) => both.map(async (process) => ({ id, ...(await lab.get(process, id, token)) }))),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const keys = ids.map(
      (id) => new Set(answers.filter((answer) => answer.id === id).map(({ key }) => key)).size,
    );
    expect(keys).toEqual([1, 1, 1, 1]);
    await Promise.all(both.map((process) => process.stop()));
  }, 30_000);
});

describe('SIGTERM', () => {
  it('lets a slow request finish, takes no other, and ends with exit code 0', async () => {
    const patient = await lab.serve(config, { RKMS_KMS_ATTEMPT_TIMEOUT_MS: '10000' });
    const [first] = aws.regions;
    first.calls.length = 0;
    await first.fail('slow', { slowMs: 1_500 });
    const headers = { authorization: `Bearer ${token}` };
    const slow = fetch(`${patient.url}/key?id=stable`, { headers });
    await until(() => first.calls.some(({ context }) => context['rkms:id'] === 'stable'));
    patient.signal('SIGTERM');
    await patient.output((_, stderr) => (stderr.includes('"stopping"') ? true : undefined));
    // The line comes first; a connection that is quicker than what follows it may still be let in.
    await until(() =>
      ask(patient.url, { target: '/livez' }).then(
        () => false,
        (refused: unknown) => (refused as { readonly code?: unknown }).code === 'ECONNREFUSED',
      ),
    );
    const answer = await slow;
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { id: 'stable', version: 1, key: stable.key },
    ]);
    expect(await patient.ended).toMatchObject({ code: 0 });
  });
});
