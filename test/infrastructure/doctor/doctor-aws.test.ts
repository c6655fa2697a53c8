// The doctor over played regions and a played table: each thing that he reports at is broken once, and he names it and what to
// do, and nothing else.
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { worstOf } from '../../../src/infrastructure/checks/finding.js';
import { everyId } from '../../../src/domain/access/id-pattern.js';
import { parseConfig } from '../../../src/infrastructure/config/config.js';
import { storeNewToken } from '../../../src/infrastructure/startup/first-token.js';
import type { CallerId, WritePlace } from '../../../src/domain/ids.js';
import { startDynamoRegions, type DynamoRegions, type TableTraits } from '../../support/dynamo-regions.js';
import { examine, foundOf, illOf, machine, type Ill } from '../../support/doctor-lab.js';
import type { KmsFault, KmsFaultOptions } from '../../support/kms-faults.js';
import { startKmsServer, type KmsServer } from '../../support/kms-server.js';
import { Leftovers } from '../../support/leftovers.js';
import { certificateFor } from '../../support/loopback-certificate.js';
import { awsVariables } from '../../support/played-aws.js';
import { startTlsFront } from '../../support/tls-front.js';

// Many calls over HTTP, on a machine that may be busy.
jest.setTimeout(60_000);

const names = ['us-east-1', 'us-east-2', 'us-west-2'] as const;
const traits: TableTraits = { replicas: names, consistency: 'STRONG' };
const longAgo = { createdAtMs: 1_700_000_000_000 };

let regions: readonly [KmsServer, KmsServer, KmsServer];
let store: DynamoRegions;
let folder: string;
const shared = new Leftovers();
const leftovers = new Leftovers();

beforeAll(async () => {
  Object.assign(process.env, awsVariables, { AWS_EC2_METADATA_DISABLED: 'true' });
  const start = (region: string): Promise<KmsServer> => startKmsServer({ region });
  regions = await Promise.all([start(names[0]), start(names[1]), start(names[2])]);
  store = await startDynamoRegions('strong');
  folder = shared.folder();
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  const config = parseConfig(configured());
  if (config.isErr()) throw new Error('the configuration of this test is wrong');
  // Valid before, too: tests turn the clock back.
  const nowMs = Date.now() - 86_400_000;
  const wanted = { caller: 'app' as CallerId, allow: ['read'] as const, ids: [everyId], nowMs };
  storeNewToken(config.value, wanted);
});
beforeEach(() => writeGenesis('prod', 'anywhere'));
afterEach(async () => {
  Object.assign(process.env, awsVariables);
  await Promise.all([...regions.map((region) => region.heal()), store.heal()]);
  for (const region of regions) [region.traits, region.aheadMs] = [{}, 0];
  for (const region of store.regions) region.traits = traits;
  await leftovers.clear();
});
afterAll(async () => {
  await Promise.all([...regions.map((region) => region.stop()), store.stop()]);
  await shared.clear();
});

const backend = (): ReturnType<(typeof store.regions)[0]['backend']['client']> =>
  store.regions[0].backend.client();

/** In the place of whatever is there. */
async function writeGenesis(deployment: string, writes?: WritePlace): Promise<void> {
  const Item = {
    id: { S: '_rkms/genesis' },
    version: { N: '0' },
    deployment: { S: deployment },
    createdAtMs: { N: String(longAgo.createdAtMs) },
    ...(writes === undefined ? {} : { writes: { S: writes } }),
  };
  await backend().send(new PutItemCommand({ TableName: 'rkms', Item }));
}

interface Different {
  readonly endpoints?: readonly (string | undefined)[];
  readonly kmsKeys?: readonly (string | undefined)[];
  readonly storeLines?: string;
}

function configured({
  endpoints = [],
  kmsKeys = [],
  storeLines = store.config('strong'),
}: Different = {}): string {
  const tables = regions.map(
    ({ region, alias, endpoint }, at) =>
      `[[regions]]\nname = "${region}"\nvault = "aws-kms"\nkms_key = "${kmsKeys[at] ?? alias}"\nendpoint = "${endpoints[at] ?? endpoint}"\n`,
  );
  const patient = 'timeout_ms = 60000\n';
  return [
    `deployment = "prod"\ndata_dir = "${join(folder, 'data')}"\n`,
    '[kms]\nattempt_timeout_ms = 20000\nconnect_timeout_ms = 20000\n',
    ...tables,
    storeLines.replace('table =', `${patient}table =`),
  ].join('\n');
}

const single = (table = 'rkms'): string =>
  `[store]\nkind = "dynamodb"\ntable = "${table}"\nregion = "us-east-1"\nendpoint = "${store.regions[0].endpoint}"\n`;

async function expectIll(expected: readonly Ill[], different: Different = {}, options = {}): Promise<void> {
  const findings = await examine(folder, configured(different), options);
  expect(illOf(findings, expected)).toEqual(expected);
}

it('without any fault, nothing is reported and nothing was written', async () => {
  const findings = await examine(folder, configured());
  expect([illOf(findings), worstOf(findings)]).toEqual([[], 'ok']);
  const { Items = [] } = await backend().send(new ScanCommand({ TableName: 'rkms' }));
  expect(Items.map(({ id }) => id?.S)).toEqual(['_rkms/genesis']);
  const checks = findings.filter(({ subject }) => subject === 'region us-west-2').map(({ check }) => check);
  expect(checks).toEqual([
    'connection',
    'key',
    'rotation',
    'GenerateDataKey',
    'Encrypt',
    'Decrypt',
    'latency',
  ]);
});

it('the throw-away key has an id that no key can have', async () => {
  for (const { calls } of regions) calls.length = 0;
  await examine(folder, configured());
  const ids = regions.flatMap(({ calls }) => calls.map(({ context }) => context['rkms:id']));
  expect(new Set(ids.filter((id) => id !== undefined))).toEqual(new Set(['_rkms/doctor']));
});

describe('a KMS key', () => {
  const region = 'region us-east-1';
  const faults: readonly (readonly [KmsFault, KmsFaultOptions, Ill])[] = [
    ['disabled', {}, ['broken', region, 'key', 'is disabled', 'aws kms enable-key --region us-east-1']],
    [
      'pending-deletion',
      {},
      ['broken', region, 'key', 'DELETED', 'aws kms cancel-key-deletion --region us-east-1'],
    ],
    ['not-found', {}, ['broken', region, 'key', 'there is no KMS key alias/', 'correct kms_key']],
    ['throttled', {}, ['broken', region, 'key', 'throttles', 'quota']],
    ['server-error', {}, ['broken', region, 'key', 'errors of its own', 'Health Dashboard']],
    ['garbage', {}, ['broken', region, 'key', 'the answer is not that of AWS', 'check the endpoint']],
    ['key-unavailable', {}, ['broken', region, 'key', 'unavailable for now', 'wait for AWS']],
    [
      'wrong-plaintext',
      {},
      ['broken', region, 'Decrypt', 'something else than was encrypted', 'take the region out of use'],
    ],
    ...['GenerateDataKey', 'Encrypt', 'Decrypt'].map(
      (operation) =>
        [
          'access-denied',
          { operations: [operation] },
          [
            'broken',
            region,
            operation,
            'not allowed (AccessDeniedException)',
            `allow kms:${operation} on alias/`,
          ],
        ] as const,
    ),
  ];
  it.each(faults)('that is %s %j is named, with the hint', async (fault, options, ill) => {
    await regions[0].fail(fault, options);
    await expectIll([ill]);
  });

  it('that we may not describe is named, and the rest is looked at', async () => {
    await regions[0].fail('access-denied', { operations: ['DescribeKey'] });
    await expectIll([['broken', region, 'key', 'DescribeKey: it is not allowed', 'allow kms:DescribeKey']], {
      kmsKeys: [regions[0].keyArn],
    });
  });

  it('that must not be described and has only an alias is reported for that alone', async () => {
    await regions[0].fail('access-denied', { operations: ['DescribeKey'] });
    await expectIll([['broken', region, 'key', 'DescribeKey: it is not allowed', 'allow kms:DescribeKey']]);
  });

  it('for signatures is not suitable', async () => {
    regions[0].traits = { usage: 'SIGN_VERIFY', spec: 'RSA_2048' };
    await expectIll([['broken', region, 'key', 'not a symmetric key for encryption', 'SYMMETRIC_DEFAULT']]);
  });

  it('that is not rotated is a warning', async () => {
    regions[0].traits = { rotated: false };
    await expectIll([
      ['warning', region, 'rotation', 'off', 'aws kms enable-key-rotation --region us-east-1'],
    ]);
  });

  it('of which we may not know whether it is rotated is well', async () => {
    await regions[0].fail('access-denied', { operations: ['GetKeyRotationStatus'] });
    const findings = await examine(folder, configured());
    expect(illOf(findings)).toEqual([]);
    expect(foundOf(findings, region, 'rotation')).toBe(
      'not known: kms:GetKeyRotationStatus was not answered',
    );
  });

  it('of several regions is well, and it is said that none is needed', async () => {
    regions[0].traits = { multiRegion: true };
    const findings = await examine(folder, configured());
    expect([illOf(findings), foundOf(findings, region, 'key')]).toEqual([
      [],
      expect.stringContaining('a multi-Region key: RKMS does not need it'),
    ]);
  });

  it('that takes long is a warning', async () => {
    await regions[0].fail('slow', { operations: ['Decrypt'], slowMs: 400 });
    const config = configured().replace('attempt_timeout_ms = 20000', 'attempt_timeout_ms = 600');
    const expected: readonly Ill[] = [
      ['warning', region, 'latency', 'the time limit of a call is 600 ms', 'attempt_timeout_ms'],
    ];
    const findings = (await examine(folder, config)).filter(({ subject }) => subject === region);
    expect(illOf(findings, expected)).toEqual(expected);
  });

  it('in too few regions means that no key can be made', async () => {
    await Promise.all([regions[0].fail('disabled'), regions[2].fail('disabled')]);
    await expectIll([
      ['broken', 'all regions', 'quorum', '1 of 3 can be used', 'repair the regions'],
      ['broken', region, 'key', 'is disabled', 'enable-key'],
      ['broken', 'region us-west-2', 'key', 'is disabled', 'enable-key'],
    ]);
  });
});

describe('a region', () => {
  const region = 'region us-east-1';

  it('that refuses connections is named', async () => {
    await regions[0].fail('refused');
    await expectIll([
      ['broken', region, 'connection', 'the connection is refused (ECONNREFUSED)', 'firewall'],
    ]);
  });

  it('that accepts connections and is silent costs its limit once', async () => {
    const silent = await silentListener();
    const startMs = performance.now();
    const findings = await examine(folder, configured({ endpoints: [silent] }), { limitMs: 3_000 });
    const tookMs = performance.now() - startMs;
    const expected: readonly Ill[] = [
      ['broken', region, 'connection', 'no answer within 3 s', 'firewall and routes'],
    ];
    expect(
      illOf(
        findings.filter(({ subject }) => subject === region),
        expected,
      ),
    ).toEqual(expected);
    expect(tookMs).toBeLessThan(6_000);
  });

  it('that is silent in one call alone is named with that call', async () => {
    await regions[0].fail('silent', { operations: ['Decrypt'] });
    const findings = await examine(folder, configured(), { limitMs: 3_000 });
    const expected: readonly Ill[] = [
      ['broken', region, 'Decrypt', 'no answer within 3 s', 'firewall and routes'],
    ];
    expect(
      illOf(
        findings.filter(({ subject }) => subject === region),
        expected,
      ),
    ).toEqual(expected);
  });

  it('whose name is not known is named', async () => {
    await expectIll([['broken', region, 'name', 'kms.nowhere.invalid: its name cannot be resolved', 'DNS']], {
      endpoints: ['https://kms.nowhere.invalid'],
    });
  });

  it('behind a certificate of an unknown authority is not trusted', async () => {
    const front = await startTlsFront('localhost', certificateFor(['localhost']), regions[0].endpoint);
    leftovers.add(() => front.stop());
    await expectIll(
      [['broken', region, 'connection', 'certificate is not trusted', 'find out which service answers']],
      {
        endpoints: [front.endpoint],
      },
    );
  });

  async function silentListener(): Promise<string> {
    const server: Server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    leftovers.add(() => {
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
});

describe('credentials', () => {
  it('that have ended are named once, with all that refused them', async () => {
    await Promise.all(regions.map((region) => region.fail('expired-credentials')));
    await expectIll([
      [
        'broken',
        'credentials',
        'validity',
        'refused by KMS in us-east-1, KMS in us-east-2, KMS in us-west-2 (ExpiredTokenException)',
        'renew them',
      ],
    ]);
  });

  it('that STS does not issue are named once, with its error and the trust policy', async () => {
    const sts = createHttpServer((_, answer) => {
      answer.writeHead(403, { 'content-type': 'text/xml' });
      answer.end(
        '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>',
      );
    });
    sts.listen(0, '127.0.0.1');
    await once(sts, 'listening');
    leftovers.add(() => {
      sts.close();
    });
    const token = join(folder, 'web-identity');
    writeFileSync(token, 'eyJ');
    delete process.env['AWS_ACCESS_KEY_ID'];
    const variables = {
      AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/rkms',
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${(sts.address() as AddressInfo).port}`,
    };
    Object.assign(process.env, variables);
    leftovers.add(() => {
      for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name);
    });
    await expectIll([
      [
        'broken',
        'credentials',
        'source',
        'STS refuses to issue credentials for the role (AccessDenied)',
        'its trust policy',
      ],
    ]);
  });

  it('that expire and are not renewed are a warning', async () => {
    process.env['AWS_SESSION_TOKEN'] = 'dummy';
    leftovers.add(() => {
      delete process.env['AWS_SESSION_TOKEN'];
    });
    await expectIll([['warning', 'credentials', 'source', 'nothing renews them', 'give the process a role']]);
  });

  it('are reported with their source and without any part of them', async () => {
    const findings = await examine(folder, configured());
    expect(foundOf(findings, 'credentials', 'source')).toBe('from environment variables');
    expect(JSON.stringify(findings)).not.toContain(awsVariables.AWS_ACCESS_KEY_ID);
  });
});

describe('the clock', () => {
  const shifted = (ms: number): object => ({ on: machine({ nowMs: () => Date.now() + ms }) });

  it('that is a minute ahead is a warning', () =>
    expectIll([['warning', 'clock', 'time', ' s ahead of AWS', 'chronyc']], {}, shifted(60_000)));

  it('that is ten minutes behind is what AWS refuses calls for', () =>
    expectIll([['broken', 'clock', 'time', ' s behind AWS: AWS refuses', 'chronyc']], {}, shifted(-600_000)));

  it('is right when one region alone says otherwise', async () => {
    regions[0].aheadMs = 900_000;
    await expectIll([]);
  });
});

describe('the table', () => {
  const first = 'store us-east-1';
  const cases: readonly (readonly [string, TableTraits, readonly Ill[]])[] = [
    [
      'that may be deleted',
      { deletionProtection: false },
      [['warning', first, 'protection', 'is off', 'turn it on']],
    ],
    [
      'that cannot be restored',
      { recovery: 'DISABLED' },
      [['warning', first, 'recovery', 'is off', 'turn it on']],
    ],
    ['that is being changed', { status: 'UPDATING' }, [['warning', first, 'table', 'not active', 'ACTIVE']]],
    [
      'that is not strong',
      { consistency: 'EVENTUAL' },
      [
        [
          'broken',
          first,
          'consistency',
          'does not have multi-Region strong consistency',
          'use mode = "home"',
        ],
      ],
    ],
    [
      'without one of the regions',
      { replicas: ['us-east-1', 'us-east-2'] },
      [['broken', first, 'replicas', 'no replica in us-west-2', 'add the replica']],
    ],
    [
      'that we may not describe',
      { denied: true },
      [
        ['warning', first, 'table', 'DescribeTable failed', 'allow dynamodb:DescribeTable'],
        ['warning', first, 'recovery', 'could not be checked', 'allow dynamodb:DescribeContinuousBackups'],
      ],
    ],
    [
      'that we may not put into',
      { deniedOperations: ['PutItem'] },
      [['broken', first, 'PutItem', 'it is not allowed', 'allow dynamodb:PutItem']],
    ],
    [
      'that we may not update',
      { deniedOperations: ['UpdateItem'] },
      [['broken', first, 'UpdateItem', 'it is not allowed', 'allow dynamodb:UpdateItem']],
    ],
    [
      'that we may not walk',
      { deniedOperations: ['Scan'] },
      [['warning', first, 'Scan', 'rkms verify and rkms repair', 'allow dynamodb:Scan']],
    ],
    [
      'that we may not read',
      { deniedOperations: ['GetItem'] },
      [['broken', first, 'GetItem', 'it is not allowed', 'allow dynamodb:GetItem']],
    ],
  ];
  it.each(cases)('%s in one region is named', async (_, different, expected) => {
    store.regions[0].traits = { ...traits, ...different };
    await expectIll(expected);
  });

  it('that is not there is named', () =>
    expectIll(
      [
        [
          'broken',
          first,
          'GetItem',
          'it is refused (ResourceNotFoundException)',
          'create it with partition key',
        ],
      ],
      { storeLines: single('missing') },
    ));

  it('with other keys is named', async () => {
    await store.regions[0].backend.createTable('other', {
      AttributeDefinitions: [{ AttributeName: 'name', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }],
    });
    await expectIll([['broken', first, 'GetItem', 'it is refused', 'its keys must be id']], {
      storeLines: single('other'),
    });
  });

  it('without a genesis record asks for rkms init', async () => {
    await store.regions[0].backend.createTable('empty');
    store.regions[0].traits = { ...traits, replicas: [] };
    await expectIll([['broken', first, 'genesis', 'no genesis record', 'rkms init']], {
      storeLines: single('empty'),
    });
  });

  it('of another deployment is named', async () => {
    await writeGenesis('staging', 'anywhere');
    const foreign = (name: string): Ill => [
      'broken',
      `store ${name}`,
      'genesis',
      'belongs to the deployment "staging", not to "prod"',
      'correct [store] or deployment in the configuration',
    ];
    await expectIll(names.map(foreign));
  });

  it('that is written elsewhere is named', async () => {
    await writeGenesis('prod', 'us-east-1' as WritePlace);
    const elsewhere = (name: string): Ill => [
      'broken',
      `store ${name}`,
      'genesis',
      'is written in us-east-1 only, but this configuration would write in every region',
      'in the other processes',
    ];
    await expectIll(names.map(elsewhere));
  });

  it('in a region that refuses connections is named', async () => {
    await store.regions[1].fail('refused');
    await expectIll([['broken', 'store us-east-2', 'connection', 'refused (ECONNREFUSED)', 'firewall']]);
  });

  it('that throttles is named', async () => {
    await store.regions[1].fail('throttled');
    await expectIll([['broken', 'store us-east-2', 'GetItem', 'throttles our calls', 'on-demand']]);
  });
});

describe('a process that only reads', () => {
  it('is well without the rights to make keys', async () => {
    const noKeys = { operations: ['GenerateDataKey', 'Encrypt'] };
    await Promise.all(regions.map((region) => region.fail('access-denied', noKeys)));
    for (const region of store.regions)
      region.traits = { ...traits, deniedOperations: ['PutItem', 'UpdateItem'] };
    const findings = await examine(folder, configured(), { readsOnly: true });
    expect(illOf(findings)).toEqual([]);
    expect(foundOf(findings, 'region us-east-1', 'Decrypt')).toContain('an invented ciphertext');
  });

  it('should not have them', async () => {
    const checks = ['GenerateDataKey', 'Encrypt'];
    const writes = ['PutItem', 'UpdateItem'];
    const expected = [
      ...names.flatMap((name) =>
        checks.map((check) => [`region ${name}`, check, `remove kms:${check}`] as const),
      ),
      ...names.flatMap((name) =>
        writes.map((check) => [`store ${name}`, check, `remove dynamodb:${check}`] as const),
      ),
    ].map(([subject, check, hint]): Ill => [
      'warning',
      subject,
      check,
      'allowed to a process that only reads',
      hint,
    ]);
    await expectIll(expected, {}, { readsOnly: true });
  });
});
