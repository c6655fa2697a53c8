// What stays of keys in a process's memory: after 1,000 requests (200 in the small tier) and a collection, next to nothing, whether keys are read
// or made, and AWS is spoken to over TLS as ever. Other processes' memory can be read on Linux alone, and not everywhere;
// where it cannot, the test says so.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { certificateFor } from '../support/loopback-certificate.js';
import { scanMemory, whyUnreadable, type Residue } from '../support/memory-scan.js';
import { awsVariables, PlayedAws } from '../support/played-aws.js';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { SecretHunt } from '../support/secret-hunt.js';
import { dose, report } from '../support/tiers.js';
import { until } from '../support/until.js';

const requests = dose('REQUESTS', { small: 60, full: 1_000 });
const ids = Array.from({ length: 10 }, (_, index) => `residue/${index}`);
/** Each is made once: how many there are changes nothing about how much one leaves. */
const newIds = Array.from({ length: requests / 4 }, (_, index) => `new/${index}`);
/** Collects garbage when it is told to, and says so: a process of ours would have no such thing. */
const collector = `import { writeSync } from 'node:fs';
process.on('SIGUSR2', () => {
  for (let round = 0; round < 3; round += 1) globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  writeSync(2, 'collected\\n');
});\n`;
const allowed = '[security]\nallow_environment = ["--import", "NODE_EXTRA_CA_CERTS"]\n';
const anyNumber = '[creation]\nburst = 1000\nper_day = 10000\n';
const certificate = certificateFor(['localhost']);
const most = 10;
const patienceMs = 300_000;

let lab: Lab;
let aws: PlayedAws;
beforeAll(async () => {
  lab = new Lab(awsVariables, { lifeMs: patienceMs });
  lab.write('collector.mjs', collector);
  lab.write('kms.pem', certificate.cert);
  aws = await PlayedAws.start(certificate);
});
afterAll(async () => {
  // The processes first: they still write to the table.
  await lab.close();
  await aws.stop();
});

const trusting = (): Record<string, string> => ({ NODE_EXTRA_CA_CERTS: lab.path('kms.pem') });
const serve = (config: string): Promise<Served> =>
  lab.serve(config, trusting(), ['--expose-gc', `--import=${lab.path('collector.mjs')}`]);

/** Has the process collect its garbage, and answers when it is done. */
async function collect(served: Served): Promise<void> {
  const before = served.stderr.split('collected\n').length;
  process.kill(served.pid, 'SIGUSR2');
  await until(() => served.stderr.split('collected\n').length > before);
}

/** The key of this id; a busy machine may need a second try to make it. */
async function keyOf(served: Served, id: string, token: string): Promise<string> {
  for (let tries = 1; tries <= 5; tries += 1) {
    const { key } = await lab.get(served, id, token);
    if (key !== undefined) return key;
  }
  throw new Error(`there is no key ${id}`);
}

/** Has all keys made by another process, so that this one only reads them. */
async function makeKeys(config: string, token: string): Promise<void> {
  const maker = await lab.serve(config, trusting());
  for (const id of ids) await keyOf(maker, id, token);
  await maker.stop();
}

/** The keys of `among`, asked for `requests` times in all, eight requests at a time. */
async function serveKeys(served: Served, token: string, among: readonly string[]): Promise<SecretHunt> {
  const hunt = new SecretHunt();
  for (let from = 0; from < requests; from += 8) {
    const batch = Array.from({ length: 8 }, (_, at) => among[(from + at) % among.length] ?? '');
    const keys = await Promise.all(batch.map((id) => keyOf(served, id, token)));
    for (const key of keys) hunt.addKey(key);
  }
  return hunt;
}

const total = (forms: ReadonlyMap<string, number>): number =>
  [...forms.values()].reduce((sum, count) => sum + count, 0);
const worst = (residue: Residue): number => Math.max(0, ...[...residue.values()].map(total));
const shown = (residue: Residue): string => {
  const forms = new Map<string, number>();
  for (const each of residue.values()) {
    for (const [form, count] of each) forms.set(form, (forms.get(form) ?? 0) + count);
  }
  return [...forms].map(([form, count]) => `${count} ${form}`).join(', ') || 'nothing';
};

interface Measured {
  readonly name: string;
  readonly token: string;
  readonly among: readonly string[];
}

/** How many copies there are of the key that left most; undefined where memory cannot be read. */
async function measure(served: Served, { name, token, among }: Measured): Promise<number | undefined> {
  const unreadable = whyUnreadable(served.pid);
  if (unreadable !== undefined) {
    report(`residue (${name}): not measured, ${unreadable}`);
    return undefined;
  }
  const hunt = await serveKeys(served, token, among);
  expect(hunt.size).toBe(among.length);
  await collect(served);
  const { residue, scannedBytes } = scanMemory(served.pid, hunt.needles);
  const mib = Math.round(scannedBytes / 2 ** 20);
  report(
    `residue (${name}): ${requests} requests for ${among.length} keys, ${mib} MiB searched: ` +
      `at most ${worst(residue)} copies of one key; of all keys ${shown(residue)}`,
  );
  return worst(residue);
}

describe(`after ${requests} requests and a collection, the memory holds at most 10 copies of any key`, () => {
  it(
    'that the embedded default read or made',
    async () => {
      const config = lab.write('embedded.toml', embeddedConfig('./embedded') + anyNumber + allowed);
      await (await lab.serve(config)).stop();
      const token = await lab.token(config, 'local', 'read,create');
      await makeKeys(config, token);
      await expectLittle(config, 'embedded', token);
    },
    patienceMs,
  );

  it(
    'that a service on AWS read or made',
    async () => {
      const config = lab.write('aws.toml', aws.config() + allowed);
      expect(await lab.run(['init', '--config', config], trusting())).toMatchObject({ code: 0 });
      const token = await lab.token(config, 'app', 'read,create');
      await makeKeys(config, token);
      await expectLittle(config, 'AWS', token);
    },
    patienceMs,
  );

  async function expectLittle(config: string, name: string, token: string): Promise<void> {
    for (const [act, among] of [
      ['reading', ids],
      ['creation', newIds],
    ] as const) {
      const served = await serve(config);
      const left = await measure(served, { name: `${name}, ${act}`, token, among });
      expect(left ?? 0).toBeLessThanOrEqual(most);
      await served.stop();
    }
  }
});

describe('the scan', () => {
  it('finds what is there, in this very process', async () => {
    if (whyUnreadable(process.pid) !== undefined) return;
    const hunt = new SecretHunt();
    const key = Buffer.alloc(32);
    for (let at = 0; at < 32; at += 1) key[at] = (at * 37 + process.pid) & 255;
    hunt.addKey(key.toString('base64'));
    const { residue } = scanMemory(process.pid, hunt.needles);
    expect(worst(residue)).toBeGreaterThan(0);
    await Promise.resolve();
  });
});
