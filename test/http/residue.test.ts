// What stays of keys in a process's memory: after 1,000 requests and a collection, next to nothing. Other processes' memory
// can be read on Linux alone, and not everywhere; where it cannot, the test says so.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { scanMemory, whyUnreadable, type Residue } from '../support/memory-scan.js';
import { awsVariables, PlayedAws } from '../support/played-aws.js';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { SecretHunt } from '../support/secret-hunt.js';
import { until } from '../support/until.js';

const requests = 1_000;
const ids = Array.from({ length: 10 }, (_, index) => `residue/${index}`);
/** Collects garbage when it is told to, and says so: a process of ours would have no such thing. */
const collector = `import { writeSync } from 'node:fs';
process.on('SIGUSR2', () => {
  for (let round = 0; round < 3; round += 1) globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  writeSync(2, 'collected\\n');
});\n`;
const allowCollector = '[security]\nallow_environment = ["--import"]\n';

let lab: Lab;
let aws: PlayedAws;
beforeAll(async () => {
  lab = new Lab(awsVariables);
  lab.write('collector.mjs', collector);
  aws = await PlayedAws.start();
});
afterAll(async () => {
  await Promise.all([lab.close(), aws.stop()]);
});

const serve = (config: string): Promise<Served> =>
  lab.serve(config, {}, ['--expose-gc', `--import=${lab.path('collector.mjs')}`]);

/** Has the process collect its garbage, and answers when it is done. */
async function collect(served: Served): Promise<void> {
  const before = served.stderr.split('collected\n').length;
  process.kill(served.pid, 'SIGUSR2');
  await until(() => served.stderr.split('collected\n').length > before);
}

/** Has all keys made by another process, so that this one only reads them. */
async function makeKeys(config: string, token: string): Promise<void> {
  const maker = await lab.serve(config);
  for (const id of ids) expect((await lab.get(maker, id, token)).status).toBe(200);
  await maker.stop();
}

/** The keys that were served 1,000 times in all, eight requests at a time. */
async function serveKeys(served: Served, token: string): Promise<SecretHunt> {
  const hunt = new SecretHunt();
  for (let from = 0; from < requests; from += 8) {
    const batch = Array.from({ length: 8 }, (_, at) => ids[(from + at) % ids.length] ?? '');
    const answers = await Promise.all(batch.map((id) => lab.get(served, id, token)));
    for (const { key = '' } of answers) hunt.addKey(key);
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

async function measure(name: string, served: Served, token: string): Promise<number | undefined> {
  const unreadable = whyUnreadable(served.pid);
  if (unreadable !== undefined) {
    process.stdout.write(`residue (${name}): not measured, ${unreadable}\n`);
    return undefined;
  }
  const hunt = await serveKeys(served, token);
  expect(hunt.size).toBe(ids.length);
  await collect(served);
  const { residue, scannedBytes } = scanMemory(served.pid, hunt.needles);
  const mib = Math.round(scannedBytes / 2 ** 20);
  process.stdout.write(
    `residue (${name}): ${requests} requests for ${ids.length} keys, ${mib} MiB searched: ` +
      `at most ${worst(residue)} copies of one key; of all keys ${shown(residue)}\n`,
  );
  return worst(residue);
}

describe('after 1,000 requests and a collection', () => {
  it('the memory of the embedded default holds at most 10 copies of any served key', async () => {
    const config = lab.write('embedded.toml', embeddedConfig('./embedded') + allowCollector);
    await (await lab.serve(config)).stop();
    const token = await lab.token(config, 'local', 'read,create');
    await makeKeys(config, token);
    const served = await serve(config);
    expect((await measure('embedded', served, token)) ?? 0).toBeLessThanOrEqual(10);
    await served.stop();
  }, 120_000);

  // What Node received from the network lies in buffers that it gives back without overwriting them: 12 and 14 were seen.
  it('that of a service on AWS at most 40', async () => {
    const config = lab.write('aws.toml', aws.config() + allowCollector);
    await lab.run(['init', '--config', config]);
    const token = await lab.token(config, 'app', 'read,create');
    await makeKeys(config, token);
    const served = await serve(config);
    expect((await measure('AWS', served, token)) ?? 0).toBeLessThanOrEqual(40);
    await served.stop();
  }, 120_000);
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
