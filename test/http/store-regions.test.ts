// The served program on a store in several regions: a region of the store dies while keys are read and made, and what the
// program says of the table at its start.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { startDynamoRegions, type DynamoFault, type DynamoRegions } from '../support/dynamo-regions.js';
import { ask } from '../support/http-client.js';
import { Leftovers } from '../support/leftovers.js';
import { freePorts, Lab, type KeyAnswer, type Served } from '../support/served-process.js';
import { until } from '../support/until.js';

const head = `deployment = "regions"
data_dir = "./data"
[[regions]]
name = "us-east-1"
vault = "local-kms"
[[regions]]
name = "us-east-2"
vault = "local-kms"
[server]
request_timeout_ms = 10000
[failover]
open_ms = 200
misconfigured_probe_ms = 300
max_open_ms = 400
ramp_ms = 200
`;

const leftovers = new Leftovers();
let lab: Lab;
let strong: DynamoRegions;
let ordinary: DynamoRegions;
let strongConfig: string;
let homeConfig: string;
let token: string;
let operator: string;

const homeIs = (name: string): string => `timeout_ms = 3000\nhome = "${name}"\n`;
const write = (name: string, store: string): string => lab.write(`${name}.toml`, `${head}${store}\n`);

beforeAll(async () => {
  lab = new Lab({ AWS_ACCESS_KEY_ID: 'dummy', AWS_SECRET_ACCESS_KEY: 'dummy' });
  [strong, ordinary] = await Promise.all([startDynamoRegions('strong'), startDynamoRegions('ordinary')]);
  strongConfig = write('strong', strong.config('strong', 'timeout_ms = 3000\n'));
  homeConfig = write('home', ordinary.config('home', homeIs('us-east-1')));
  for (const config of [strongConfig, homeConfig]) {
    expect(await lab.run(['init', '--config', config])).toMatchObject({ code: 0 });
  }
  token = await lab.token(strongConfig, 'app', 'read,create');
  operator = await lab.token(strongConfig, 'on-call', 'operate');
}, 60_000);
afterEach(async () => {
  await leftovers.clear();
  await Promise.all([strong.heal(), ordinary.heal()]);
  await ordinary.catchUp();
});
afterAll(async () => {
  await lab.close();
  await Promise.all([strong.stop(), ordinary.stop()]);
}, 30_000);

const get = (served: Served, id: string): Promise<KeyAnswer> => lab.get(served, id, token);

interface StoreReport {
  readonly store: {
    readonly order: readonly string[];
    readonly regions: readonly { region: string; state: string }[];
  };
}
const operate = async (served: Served, method: string, target: string): Promise<StoreReport> => {
  const answer = await ask(served.operationsUrl, {
    method,
    target,
    headers: { authorization: `Bearer ${operator}` },
  });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body) as StoreReport;
};

/** The next outage begins where nothing is wrong. */
const untilHealthy = (served: Served): Promise<void> =>
  until(async () => {
    const { store } = await operate(served, 'GET', '/regions');
    return store.regions.every(({ state }) => state === 'healthy');
  }, 20_000);

const deaths: readonly DynamoFault[] = ['refused', 'silent', 'server-error', 'throttled', 'access-denied'];

describe('a strong table', () => {
  let served: Served;
  beforeAll(async () => {
    served = await lab.serve(strongConfig);
  }, 60_000);
  afterAll(() => served.stop());
  it.each<DynamoFault>([...deaths, 'reset-after-write', 'conflict'])(
    'goes on giving and making keys while its first region is "%s"',
    async (fault) => {
      const before = await get(served, 'stable');
      expect(before.status).toBe(200);
      await strong.regions[0].fail(fault);
      const [read, made] = [await get(served, 'stable'), await get(served, `made/${fault}`)];
      expect([read.status, read.key, made.status]).toEqual([200, before.key, 200]);
      await strong.heal();
      expect(await get(served, `made/${fault}`)).toMatchObject({ status: 200, key: made.key });
      await untilHealthy(served);
    },
    60_000,
  );

  it('shows operators how each region of the store is, and lets them take one out of use', async () => {
    const drained = await operate(served, 'POST', '/store/regions/us-east-1/drain');
    expect(drained).toMatchObject({ order: ['us-east-2', 'us-west-2', 'us-east-1'] });
    const { store } = await operate(served, 'GET', '/regions');
    expect(store.order).toEqual(['us-east-2', 'us-west-2', 'us-east-1']);
    expect(store.regions.at(-1)).toMatchObject({ region: 'us-east-1', state: 'drained' });
    strong.regions[0].calls.length = 0;
    expect((await get(served, 'stable')).status).toBe(200);
    expect(strong.regions[0].calls).toEqual([]);
    await operate(served, 'POST', '/store/regions/us-east-1/undrain');
    await untilHealthy(served);
    expect(served.stderr).toContain('"store region changed"');
  }, 60_000);

  it('serves from a start at which one region cannot be reached, and says so', async () => {
    await strong.regions[0].fail('refused');
    const served = await lab.serve(strongConfig);
    expect((await get(served, 'stable')).status).toBe(200);
    expect(served.stderr).toContain('the table cannot be used in this region now');
    await served.stop();
  }, 60_000);
});

describe('an ordinary global table with a home', () => {
  let running: Served;
  beforeAll(async () => {
    running = await lab.serve(homeConfig);
  }, 60_000);
  afterAll(() => running.stop());

  it.each(deaths)(
    'gives keys from its replicas, makes none, and no second one afterwards, while its home is "%s"',
    async (fault) => {
      const served = running;
      const before = await get(served, 'stable');
      expect(before.status).toBe(200);
      ordinary.lag();
      const fresh = await get(served, `fresh/${fault}`);
      expect(fresh.status).toBe(200);
      await ordinary.regions[0].fail(fault);
      expect(await get(served, 'stable')).toMatchObject({ status: 200, key: before.key });
      // The key is there, but no replica has it yet: neither "not found" nor a second key.
      expect(await get(served, `fresh/${fault}`)).toMatchObject({
        status: 503,
        problem: 'store.unavailable',
      });
      expect(await get(served, `made/${fault}`)).toMatchObject({ status: 503, problem: 'store.unavailable' });
      await ordinary.heal();
      await ordinary.catchUp();
      await until(async () => (await get(served, `fresh/${fault}`)).key === fresh.key, 20_000);
      expect((await get(served, `made/${fault}`)).status).toBe(200);
      for (const region of ordinary.regions) expect(await region.item(`fresh/${fault}`)).toBeDefined();
      await untilHealthy(served);
    },
    60_000,
  );

  it('serves from a start without its home, by the genesis record of a replica', async () => {
    await ordinary.regions[0].fail('refused');
    const served = await lab.serve(homeConfig);
    expect((await get(served, 'stable')).status).toBe(200);
    expect(await get(served, 'new')).toMatchObject({ status: 503, problem: 'store.unavailable' });
    await served.stop();
  }, 60_000);

  it('refuses a process that would write elsewhere, at its start', async () => {
    const config = write('elsewhere', ordinary.config('home', homeIs('us-west-2')));
    const refused = await lab.run(['serve', '--config', config], freePorts);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining(
        'rkms: the store is written in us-east-1 only, but this configuration would write in us-west-2 only',
      ),
    ]);
  }, 30_000);

  it('refuses a running process its creations once the home was moved, and serves the keys that are there', async () => {
    const served = await lab.serve(homeConfig);
    expect((await get(served, 'stable')).status).toBe(200);
    const move = (to: string) =>
      ordinary.regions[0].backend.client().send(
        new UpdateItemCommand({
          TableName: 'rkms',
          Key: { id: { S: '_rkms/genesis' }, version: { N: '0' } },
          UpdateExpression: 'SET writes = :to',
          ExpressionAttributeValues: { ':to': { S: to } },
        }),
      );
    await move('us-west-2');
    let tried = 0;
    await until(async () => {
      tried += 1;
      return (await get(served, `late/${tried}`)).problem === 'store.written-elsewhere';
    }, 20_000);
    expect((await get(served, 'stable')).status).toBe(200);
    await move('us-east-1');
    await served.stop();
  }, 30_000);
});

describe('a start is refused', () => {
  const start = async (config: string): Promise<string> => {
    const { code, stderr } = await lab.run(['serve', '--config', config], freePorts);
    expect(code).toBe(1);
    return stderr;
  };
  const [first, second, third] = ['us-east-1', 'us-east-2', 'us-west-2'] as const;

  it('in the mode strong on a table without multi-Region strong consistency', async () => {
    const config = write('not-strong', ordinary.config('strong'));
    expect(await start(config)).toContain('does not have multi-Region strong consistency');
  }, 30_000);

  it('with a region in which the table has no replica', async () => {
    const [region] = strong.regions;
    const { traits } = region;
    region.traits = { ...traits, replicas: [first, second] };
    expect(await start(strongConfig)).toContain(`has no replica in ${third}`);
    region.traits = traits;
  }, 30_000);

  it('with tables of one name that are not one table, though AWS tells nothing of them; an empty replica is a warning', async () => {
    const other = await startDynamoRegions('ordinary');
    leftovers.add(() => other.stop());
    const traits = { denied: true };
    for (const region of other.regions) region.traits = traits;
    const genesis = (createdAtMs: string) => ({
      id: { S: '_rkms/genesis' },
      version: { N: '0' },
      deployment: { S: 'regions' },
      createdAtMs: { N: createdAtMs },
      writes: { S: first },
    });
    const { PutItemCommand } = await import('@aws-sdk/client-dynamodb');
    const put = (at: 0 | 1 | 2, createdAtMs: string) =>
      other.regions[at].backend
        .client()
        .send(new PutItemCommand({ TableName: 'rkms', Item: genesis(createdAtMs) }));
    await put(0, '1');
    const alone = write('alone', other.config('home', homeIs(first)));
    const served = await lab.serve(alone);
    await served.stop();
    const noGenesis = served.stderr.split('\n').filter((line) => line.includes('has no genesis record yet'));
    expect(noGenesis.map((line) => (JSON.parse(line) as { region: string }).region)).toEqual([second, third]);
    await put(1, '1');
    expect(await start(write('lacking', other.config('strong')))).toContain('lacks the genesis record');
    await put(2, '2');
    expect(await start(write('several', other.config('home', homeIs(first))))).toContain(
      'different genesis records',
    );
  }, 60_000);

  it('in one region of a table with replicas whose genesis record does not say where it is written', async () => {
    const [region] = ordinary.regions;
    const client = region.backend.client();
    const Key = { id: { S: '_rkms/genesis' }, version: { N: '0' } };
    await client.send(new UpdateItemCommand({ TableName: 'rkms', Key, UpdateExpression: 'REMOVE writes' }));
    const single = `[store]\nkind = "dynamodb"\ntable = "rkms"\nregion = "${first}"\nendpoint = "${region.endpoint}"`;
    expect(await start(write('single', single))).toContain('does not say where it is written');
    await client.send(
      new UpdateItemCommand({
        TableName: 'rkms',
        Key,
        UpdateExpression: 'SET writes = :to',
        ExpressionAttributeValues: { ':to': { S: first } },
      }),
    );
  }, 30_000);
});

describe('multi-Region strong consistency that no region proves', () => {
  const assumed = (regions: DynamoRegions): string =>
    write('assumed', regions.config('strong', 'assume_strong = true\ntimeout_ms = 3000\n'));
  const setAll = (regions: DynamoRegions, traits: object): void => {
    for (const region of regions.regions) {
      const { traits: before } = region;
      region.traits = { ...before, ...traits };
      leftovers.add(() => {
        region.traits = before;
      });
    }
  };

  it('is refused by init, serve and repair where DescribeTable is not allowed', async () => {
    setAll(ordinary, { denied: true });
    const config = write('unproven', ordinary.config('strong'));
    for (const command of ['init', 'serve', 'repair']) {
      const { code, stderr } = await lab.run([command, '--config', config], freePorts);
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining('is not proven to have multi-Region strong'),
      ]);
    }
  }, 60_000);

  it('is accepted if the configuration states it, and every start says so', async () => {
    setAll(strong, { denied: true });
    const served = await lab.serve(assumed(strong));
    expect((await get(served, 'stated')).status).toBe(200);
    await served.stop();
    expect(served.stderr).toContain('is assumed (assume_strong), not proven');
  }, 60_000);

  it('does not keep keys from being read while DescribeTable fails, and keys are created once it answers', async () => {
    const before = await lab.serve(strongConfig);
    const { key } = await get(before, 'known');
    await before.stop();
    setAll(strong, { failedOperations: ['DescribeTable'] });
    const served = await lab.serve(strongConfig);
    expect(await get(served, 'known')).toMatchObject({ status: 200, key });
    expect((await get(served, 'new')).status).toBe(503);
    for (const region of strong.regions) region.traits = { ...region.traits, failedOperations: [] };
    await until(async () => (await get(served, 'new')).status === 200, 30_000);
    await served.stop();
  }, 60_000);
});

describe('a start warns', () => {
  const started = async (traits: object): Promise<string> => {
    const [region] = strong.regions;
    const before = region.traits;
    region.traits = { ...before, ...traits };
    const served = await lab.serve(strongConfig);
    await served.stop();
    region.traits = before;
    return served.stderr;
  };

  it.each([
    {
      traits: { deletionProtection: false, recovery: 'DISABLED', status: 'UPDATING' },
      texts: [
        'deletion protection is off',
        'point-in-time recovery is off',
        'the table is not active in this region',
      ],
    },
    {
      traits: { denied: true },
      texts: ['the table could not be checked', 'point-in-time recovery could not be checked'],
    },
  ])(
    'once each that $texts',
    async ({ traits, texts }) => {
      const lines = (await started(traits)).split('\n');
      const counts = texts.map((text) => lines.filter((line) => line.includes(text)).length);
      expect(counts).toEqual(texts.map(() => 1));
    },
    30_000,
  );

  it('of nothing where all is well', async () => {
    expect(await started({})).not.toMatch(/table|recovery|protection/);
  }, 30_000);
});
