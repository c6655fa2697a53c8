// What callers notice when regions fail, end to end: a real process, three regions' KMS over real HTTP, every way to fail,
// and many requests at once (50 in the deep tier).
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  FailoverLab,
  operate,
  regionsOf,
  transitionsOf,
  untilRegions,
  type Fault,
  type Operated,
  type RegionsReport,
  type Way,
} from '../support/failover-lab.js';
import type { KmsFaultOptions } from '../support/kms-faults.js';
import type { KeyAnswer } from '../support/served-process.js';
import { dose } from '../support/tiers.js';
import { until } from '../support/until.js';

const ids = Array.from({ length: dose('AT_ONCE', { small: 20, full: 50 }) }, (_, n) => `orders/${n}`);
const order = ['us-east-1', 'us-east-2', 'us-west-2'];

let failover: FailoverLab;
let token: string;
let reader: string;
/** Of `ids`, in the same order. */
let keys: readonly (string | undefined)[];

beforeAll(async () => {
  failover = await FailoverLab.open();
  token = await failover.token('app', 'read,create,operate');
  reader = await failover.token('reader', 'read');
  const served = await failover.serve('direct');
  keys = await makeKeys(served);
  await served.stop();
}, 30_000);
afterEach(() => failover.heal());
afterAll(async () => {
  const leaks = failover.lab.leaks([]);
  const hunted = failover.lab.secrets.size;
  await failover.close();
  expect(leaks).toEqual([]);
  expect(hunted).toBeGreaterThan(0);
}, 30_000);

/** One after the other: making 50 at once is not what is promised here. */
async function makeKeys(served: Operated): Promise<readonly (string | undefined)[]> {
  const made: KeyAnswer[] = [];
  for (const id of ids) made.push(await failover.get(served, id, token));
  expect(made.map(({ headers }) => headers['rkms-copies'])).toEqual(ids.map(() => '3/3'));
  return made.map(({ key }) => key);
}

const readAll = (served: Operated): Promise<readonly KeyAnswer[]> =>
  Promise.all(ids.map((id) => failover.get(served, id, token)));

async function expectRightKeys(served: Operated): Promise<void> {
  const answers = await readAll(served);
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
  expect(answers.map(({ key }) => key)).toEqual(keys);
}

interface Case {
  readonly name: string;
  readonly way?: Way;
  readonly fault: Fault;
  readonly options?: KmsFaultOptions;
  /** The states by which its detection is known; none where calls go on and single ones are answered elsewhere. */
  readonly detected?: readonly string[];
  /** Some calls still succeed, so a key may be made. */
  readonly partial?: true;
}

const outage = ['open', 'half-open'];
const slow = [...outage, 'degraded'];
const cases: readonly Case[] = [
  { name: 'refuses connections', fault: 'refused', detected: outage },
  { name: 'resets before the answer', fault: 'reset', detected: outage },
  { name: 'resets in mid-answer', fault: 'reset-mid-answer', detected: outage },
  { name: 'is silent', fault: 'silent', detected: outage },
  { name: 'drips its answers', fault: 'dripping', detected: outage },
  { name: 'answers 5xx', fault: 'server-error', detected: outage },
  { name: 'answers KMSInternalException', fault: 'internal-error', detected: outage },
  { name: 'throttles', fault: 'throttled', detected: ['over quota'] },
  { name: 'has 10 % errors', fault: 'internal-error', options: { rate: 0.1 }, partial: true },
  { name: 'is slow by 500 ms', fault: 'slow', options: { slowMs: 500 }, detected: slow, partial: true },
  { name: 'has its key disabled', fault: 'disabled', detected: ['misconfigured'] },
  { name: 'denies access', fault: 'access-denied', detected: ['misconfigured'] },
  { name: 'answers with wrong plaintexts', fault: 'wrong-plaintext', detected: ['quarantined'] },
  { name: 'says our credentials have expired', fault: 'expired-credentials', detected: ['misconfigured'] },
  // Its last good addresses are used for as long as the name cannot be resolved: nothing is detected, nothing fails.
  { name: 'cannot be resolved any more', way: 'by name', fault: 'dns', partial: true },
  { name: 'shows a bad certificate', way: 'by name', fault: 'tls', detected: outage },
];

const isIn = (report: RegionsReport, states: readonly string[]): boolean =>
  report.regions.some(
    ({ region, state, overQuota }) =>
      region === order[0] && (states.includes(state) || (overQuota && states.includes('over quota'))),
  );
const isWell = ({ order: now, regions }: RegionsReport): boolean =>
  now.join() === order.join() && regions.every(({ state, overQuota }) => state === 'healthy' && !overQuota);

/** Callers go on asking meanwhile, and all get their keys. */
const untilDetected = (served: Operated, states: readonly string[]): Promise<void> =>
  until(async () => {
    if (isIn(await regionsOf(served, token), states)) return true;
    await expectRightKeys(served);
    return false;
  });

async function backToNormal(served: Operated): Promise<void> {
  await failover.heal();
  for (const { region, state } of (await regionsOf(served, token)).regions) {
    if (state === 'quarantined') await operate(served, 'POST', `/regions/${region}/lift-quarantine`, token);
  }
  await untilRegions(served, token, isWell);
}

describe.each<Way>(['direct', 'by name'])('with regions reached %s, when the preferred region', (way) => {
  let served: Operated;
  beforeAll(async () => {
    served = await failover.serve(way);
  }, 30_000);
  afterAll(async () => {
    expect(await served.stop()).toMatchObject({ code: 0 });
    const seen = new Map(order.map((region) => [region, 'healthy']));
    for (const { region, from, to, why } of transitionsOf(served)) {
      // One line for each change, none left out and none told twice.
      expect({ region, from, why }).toEqual({
        region,
        from: seen.get(region),
        why: expect.stringMatching(/./),
      });
      expect(to).not.toBe(from);
      seen.set(region, to);
    }
    expect([...seen.values()]).toEqual(['healthy', 'healthy', 'healthy']);
  }, 30_000);

  const here = cases.filter((each) => (each.way ?? 'direct') === way);
  it.each(here)(
    '$name, every read succeeds, also when a second one does the same; once well it is back in front',
    async ({ fault, options, detected, partial }) => {
      await failover.fail(1, fault, options);
      await expectRightKeys(served);
      if (detected) await untilDetected(served, detected);
      failover.takeCalls(0);
      await expectRightKeys(served);
      if (detected) expect(failover.takeCalls(0)).toBeLessThanOrEqual(2);

      await failover.fail(2, fault, options);
      await expectRightKeys(served);
      const id = `new/${fault}`;
      const made = partial ? undefined : await failover.get(served, id, token);
      await backToNormal(served);
      if (made) {
        expect(made).toMatchObject({ status: 503, problem: 'regions.below-quorum', key: undefined });
        expect(await failover.get(served, id, reader)).toMatchObject({
          status: 404,
          problem: 'key.not-found',
        });
      }
      const { headers, key } = await failover.get(served, ids[0] ?? '', token);
      expect([headers['rkms-region'], key]).toEqual([order[0], keys[0]]);
    },
    45_000,
  );
});
