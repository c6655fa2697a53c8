// Checks deploy/terraform without AWS and without its provider: every reference exists, the policies allow exactly the adapters'
// calls, and RKMS accepts the resulting configuration.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { encryptionContext } from '../../src/domain/keys/encryption-context.js';
import { parseConfig, showConfigProblems, type Config } from '../../src/infrastructure/config/config.js';
import { asText, type Value } from '../support/terraform-expressions.js';
import { ComputedModule, readModule, type ModuleBlocks } from '../support/terraform-module.js';
import { danglingIn, type ProviderTypes } from '../support/terraform-references.js';
import { deployment, keyId, keyVersion } from '../support/names.js';
import { keyOf } from '../support/sample-keys.js';

const folder = 'deploy/terraform';
const exampleFolder = `${folder}/examples/three-regions`;

/** Attributes of the resource types that we use, from the documentation of version 6 of the AWS provider. */
const providerTypes: ProviderTypes = {
  aws_kms_key: {
    args: [
      'description',
      'key_usage',
      'customer_master_key_spec',
      'multi_region',
      'enable_key_rotation',
      'deletion_window_in_days',
      'policy',
      'tags',
    ],
    attributes: ['arn', 'key_id'],
  },
  aws_kms_alias: { args: ['name', 'target_key_id'], attributes: ['arn'] },
  aws_dynamodb_table: {
    args: [
      'name',
      'billing_mode',
      'hash_key',
      'range_key',
      'deletion_protection_enabled',
      'stream_enabled',
      'stream_view_type',
      'attribute',
      'point_in_time_recovery',
      'replica',
      'tags',
    ],
    attributes: ['arn', 'id'],
  },
  aws_iam_role: { args: ['name', 'description', 'assume_role_policy', 'tags'], attributes: ['arn', 'name'] },
  aws_iam_role_policy: { args: ['name', 'role', 'policy'], attributes: ['id'] },
  aws_iam_instance_profile: { args: ['name', 'role', 'tags'], attributes: ['arn', 'name'] },
  aws_caller_identity: { args: [], attributes: ['account_id', 'arn', 'user_id'] },
  aws_partition: { args: [], attributes: ['partition', 'dns_suffix'] },
};

const account = '111122223333';

/** Values that AWS would return. */
function computed(type: string, args: Readonly<Record<string, Value>>, key: string): Value {
  switch (type) {
    case 'aws_caller_identity':
      return { account_id: account };
    case 'aws_partition':
      return { partition: 'aws' };
    case 'aws_kms_key':
      return { arn: `arn:aws:kms:${key}:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`, key_id: key };
    case 'aws_iam_role':
      return { arn: `arn:aws:iam::${account}:role/${asText(args['name'] ?? '')}` };
    case 'aws_dynamodb_table':
      return {
        arn: `arn:aws:dynamodb:${asText(args['region'] ?? '')}:${account}:table/${asText(args['name'] ?? '')}`,
      };
    default:
      return {};
  }
}

let root: ModuleBlocks;
let documents: ModuleBlocks;
let example: ModuleBlocks;
beforeAll(async () => {
  root = await readModule(folder);
  documents = await readModule(`${folder}/modules/documents`);
  example = await readModule(exampleFolder);
});

const everyRole = {
  creator: { ec2: true, service_accounts: [serviceAccount()] },
  reader: { pod_identity: true },
  operator: { principals: [`arn:aws:iam::${account}:role/on-call`] },
};

function serviceAccount(): { oidc_provider_arn: string; namespace: string; name: string } {
  const issuer = `arn:aws:iam::${account}:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE`;
  return { oidc_provider_arn: issuer, namespace: 'rkms', name: 'rkms' };
}

const inputs = {
  deployment: 'production',
  regions: ['us-east-1', 'us-east-2', 'us-west-2'],
  store: { mode: 'single', regions: ['us-east-1'] },
  trust: everyRole,
};

const moduleWith = (changes: Readonly<Record<string, Value>> = {}): ComputedModule =>
  new ComputedModule(root, { ...inputs, ...changes }, computed);

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Principal?: { readonly AWS: readonly string[] };
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
const statementsOf = (policy: Value): readonly Statement[] =>
  (JSON.parse(policy as string) as { Statement: readonly Statement[] }).Statement;

async function keyPolicy(module = moduleWith()): Promise<readonly Statement[]> {
  return statementsOf(await (await module.child('documents')).output('key_policy'));
}

/** The actions that `statements` with principals allow for `role`. */
const allowedTo = (role: string, statements: readonly Statement[]): readonly string[] =>
  statements
    .filter(({ Principal }) => Principal?.AWS.includes(`arn:aws:iam::${account}:role/rkms-${role}`))
    .flatMap(({ Action }) => Action)
    .sort();

/** The calls in an adapter's sources, as permissions. */
function callsIn(adapter: string, service: string): readonly string[] {
  const sources = readdirSync(`src/adapters/${adapter}`).map((file) =>
    readFileSync(`src/adapters/${adapter}/${file}`, 'utf8'),
  );
  const calls = sources.flatMap((source) => [
    ...source.matchAll(/new (\w+)Command\(/g),
    ...source.matchAll(
      /'((?:Get|Put|Update)Item|Scan|Encrypt|Decrypt|DescribeKey|DescribeTable|GenerateDataKey)'/g,
    ),
  ]);
  return [...new Set(calls.map(([, call]) => `${service}:${String(call)}`))].sort();
}

describe('references', () => {
  it.each([
    ['the module', () => root],
    ['its documents', () => documents],
    ['the example', () => example],
  ])('all lead somewhere in %s', async (_, blocks) => {
    expect(await danglingIn(blocks(), providerTypes)).toEqual([]);
  });

  it('that do not exist are found', async () => {
    const broken: ModuleBlocks = {
      ...root,
      locals: { a: '${var.nam}', b: ['${[for x in local.none : x.y]}'], c: '${var.listen.hots}' },
      output: {
        d: [{ value: '${module.documents.none}' }],
        e: [{ value: '${aws_dynamodb_table.this.anr}' }],
        f: [{ value: '${data.aws_partition.current.name}-${aws_kms_kye.this["a"].arn}' }],
      },
      resource: { ...root.resource, aws_kms_alias: { this: [{ nmae: 'x' }] } },
      module: { documents: [{ source: './modules/documents', wrong: 1 }] },
    };
    const dangling = await danglingIn(broken, providerTypes);
    expect(dangling).toEqual(
      expect.arrayContaining([
        'var.nam',
        'local.none',
        'var.listen.hots',
        'module.documents.none',
        'aws_dynamodb_table.this.anr',
        'data.aws_partition.current.name',
        'aws_kms_kye.this."a".arn',
        'aws_kms_alias.this { nmae }',
        'module.documents { wrong }',
        'module.documents { deployment }',
      ]),
    );
  });
});

/** The parsed configuration; fails the test if RKMS does not accept it. */
function accepted(toml: Value): Config {
  const config = parseConfig(toml as string);
  if (config.isErr()) throw new Error(`${showConfigProblems(config.error)}\n${asText(toml)}`);
  return config.value;
}

describe('rkms_toml', () => {
  it.each([
    ['single', ['us-east-1'], { kind: 'single' }],
    ['strong', ['us-east-1', 'us-east-2', 'us-west-2'], { kind: 'strong' }],
    ['home', ['us-west-2', 'us-east-1'], { kind: 'home', home: 'us-west-2' }],
  ])('is a configuration that RKMS accepts, with a table in mode %s', async (mode, regions, understood) => {
    const toml = await moduleWith({ store: { mode, regions } }).output('rkms_toml');
    const config = accepted(toml);
    expect(config).toMatchObject({
      deployment: 'production',
      data_dir: '/var/lib/rkms',
      server: { host: '127.0.0.1', port: 8080, tls: 'off' },
      operations: { host: '127.0.0.1', port: 8081, tls: 'off' },
      keys: { quorum: 2 },
      store: {
        kind: 'dynamodb',
        table: 'rkms',
        mode: understood,
        regions: regions.map((name) => expect.objectContaining({ name }) as object),
      },
    });
    expect(config.regions).toEqual(
      inputs.regions.map((name) => ({
        name,
        vault: 'aws-kms',
        kms_key: `arn:aws:kms:${name}:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
      })),
    );
  });

  it('of the example is accepted and serves other machines over TLS', async () => {
    const toml = await new ComputedModule(example, {}, computed).output('rkms_toml');
    expect(accepted(toml)).toMatchObject({
      deployment: 'production',
      server: { host: '0.0.0.0', port: 8443, tls: 'on' },
      operations: { host: '127.0.0.1', tls: 'on' },
      tls: { cert_file: '/etc/rkms/tls/tls.crt', key_file: '/etc/rkms/tls/tls.key' },
      store: { mode: { kind: 'strong' } },
    });
  });

  it('ends with the appended tables', async () => {
    const more = '[[callers]]\nname = "billing"\nallow = ["read"]\nids = ["billing/**"]\n';
    const tls = { cert_file: '/c.pem', key_file: '/k.pem', client_ca_file: '/ca.pem' };
    const toml = await moduleWith({ more_configuration: more, tls }).output('rkms_toml');
    expect(accepted(toml)).toMatchObject({
      callers: [{ name: 'billing' }],
      tls: { client_ca_file: '/ca.pem' },
    });
  });
});

describe('variables', () => {
  it.each<readonly [string, Readonly<Record<string, Value>>]>([
    ['A deployment has 1 to 64', { deployment: 'a b' }],
    ['A name has 3 to 40', { name: 'r' }],
    ['Name 2 to 16 regions', { regions: ['us-east-1'] }],
    ['Name 2 to 16 regions', { regions: ['us-east-1', 'us-east-1'] }],
    ['A region is written as', { regions: ['us-east-1', 'useast2'] }],
    ['The mode is single', { store: { mode: 'global', regions: ['us-east-1'] } }],
    ['Mode single has one', { store: { mode: 'single', regions: ['us-east-1', 'us-east-2'] } }],
    ['Mode strong has three', { store: { mode: 'strong', regions: ['us-east-1', 'us-east-2'] } }],
    ['Mode home has two', { store: { mode: 'home', regions: ['us-east-1'] } }],
    ['Name each region of the table once', { store: { mode: 'home', regions: ['us-east-1', 'us-east-1'] } }],
    ['A region is written as', { store: { mode: 'single', regions: ['nowhere'] } }],
    ['An administrator is the ARN', { administrators: ['root'] }],
    ['The roles are', { trust: { writer: { ec2: true } } }],
    ['For each role, say who', { trust: { reader: {} } }],
    ['RKMS serves other machines', { listen: { host: '0.0.0.0' } }],
    ['RKMS serves other machines', { listen: { operations_host: '10.0.0.1' } }],
  ])('are refused with what is expected: %s', async (message, changes) => {
    expect(await moduleWith(changes).problems()).toEqual([expect.stringContaining(message)]);
  });

  it('are accepted from the example and these tests', async () => {
    expect(await moduleWith().problems()).toEqual([]);
    const inner = await new ComputedModule(example, {}, computed).child('rkms');
    expect(await inner.problems()).toEqual([]);
  });
});

describe('the policy of each KMS key', () => {
  const reading = ['kms:Decrypt', 'kms:DescribeKey', 'kms:GetKeyRotationStatus'];
  const creating = [...reading, 'kms:Encrypt', 'kms:GenerateDataKey'].sort();

  it.each([
    ['reader', reading],
    ['creator', creating],
    ['operator', creating],
  ])('allows the %s what it needs and no more', async (role, actions) => {
    expect(allowedTo(role, await keyPolicy())).toEqual(actions);
  });

  it('allows the calls of the adapters and of `rkms doctor`, and no other', () => {
    const calls = new Set([...callsIn('aws-kms', 'kms'), 'kms:GetKeyRotationStatus']);
    expect([...calls].sort()).toEqual(creating);
  });

  it('binds every use of a key to the encryption context of this deployment', async () => {
    const uses = ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'];
    const name = { deployment: deployment('production'), id: keyId('orders/7'), version: keyVersion(1) };
    const context = encryptionContext(name, keyOf(Buffer.alloc(32)).commitmentFor(name.id, name.version));
    for (const { Action, Condition } of await keyPolicy()) {
      if (Action.every((action) => !uses.includes(action))) continue;
      expect(Condition).toEqual({
        StringEquals: { 'kms:EncryptionContext:rkms:deployment': 'production' },
        'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': Object.keys(context) },
      });
    }
  });

  it('does not let administrators use a key, and has no wildcard in its actions', async () => {
    const statements = await keyPolicy();
    const [manage] = statements;
    expect(manage).toMatchObject({ Sid: 'Manage', Principal: { AWS: [`arn:aws:iam::${account}:root`] } });
    expect(manage?.Action.filter((action) => /Decrypt|Encrypt|Generate|Grant|Sign|Mac/.test(action))).toEqual(
      [],
    );
    expect(statements.flatMap(({ Action }) => Action).filter((action) => action.includes('*'))).toEqual([]);
  });

  it('names the administrators, if any, instead of the account, and only roles that exist', async () => {
    const administrators = [`arn:aws:iam::${account}:role/security`];
    const statements = await keyPolicy(moduleWith({ administrators, trust: { reader: { ec2: true } } }));
    expect(statements.map(({ Sid, Principal }) => [Sid, Principal?.AWS])).toEqual([
      ['Manage', administrators],
      ['Look', [`arn:aws:iam::${account}:role/rkms-reader`]],
      ['OpenKeys', [`arn:aws:iam::${account}:role/rkms-reader`]],
    ]);
  });
});

describe('the policies for the table', () => {
  const policiesOf = async (changes: Readonly<Record<string, Value>>): Promise<Record<string, string>> =>
    (await (await moduleWith(changes).child('documents')).output('table_policies')) as Record<string, string>;

  const looking = ['dynamodb:DescribeContinuousBackups', 'dynamodb:DescribeTable'];
  it.each([
    ['reader', ['dynamodb:GetItem']],
    ['creator', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem']],
    ['operator', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Scan', 'dynamodb:UpdateItem']],
  ])('allows the %s what it needs and no more', async (role, actions) => {
    const policies = await policiesOf({});
    const allowed = statementsOf(policies[role] ?? '').filter(({ Effect }) => Effect === 'Allow');
    expect(allowed.flatMap(({ Action }) => Action)).toEqual([...looking, ...actions]);
  });

  it('allow the operator all calls of the adapter', async () => {
    const [table] = statementsOf((await policiesOf({}))['operator'] ?? '');
    expect([...(table?.Action ?? [])].sort()).toEqual(callsIn('dynamodb', 'dynamodb'));
  });

  it('apply to every region of the table and to no other', async () => {
    const policies = await policiesOf({ store: { mode: 'home', regions: ['us-east-1', 'us-west-2'] } });
    const resources = statementsOf(policies['reader'] ?? '').map(({ Resource }) => Resource);
    const everywhere = ['us-east-1', 'us-west-2'].map(
      (region) => `arn:aws:dynamodb:${region}:${account}:table/rkms`,
    );
    expect(resources).toEqual([everywhere, everywhere]);
  });

  it('let only the operator write the genesis record', async () => {
    const policies = await policiesOf({});
    const denied = (role: string): readonly Statement[] =>
      statementsOf(policies[role] ?? '').filter(({ Effect }) => Effect === 'Deny');
    expect(denied('operator')).toEqual([]);
    for (const role of ['reader', 'creator'])
      expect(denied(role)).toMatchObject([
        {
          Action: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
          Condition: { 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': ['_rkms/genesis'] } },
        },
      ]);
  });
});

describe('the module creates', () => {
  it('a key with rotation, an alias and protection from deletion in every region', async () => {
    const module = moduleWith();
    const keys = (await module.resource('aws_kms_key', 'this')) as Readonly<Record<string, object>>;
    expect(Object.keys(keys)).toEqual(inputs.regions);
    for (const [region, key] of Object.entries(keys))
      expect(key).toMatchObject({
        region,
        enable_key_rotation: true,
        deletion_window_in_days: 30,
        multi_region: false,
        key_usage: 'ENCRYPT_DECRYPT',
      });
    expect(await module.resource('aws_kms_alias', 'this')).toMatchObject({
      'us-west-2': { region: 'us-west-2', name: 'alias/rkms', target_key_id: 'us-west-2' },
    });
    expect(root.resource['aws_kms_key']?.['this']?.[0]?.['lifecycle']).toEqual([{ prevent_destroy: true }]);
    expect(root.resource['aws_dynamodb_table']?.['this']?.[0]?.['lifecycle']).toEqual([
      { prevent_destroy: true },
    ]);
  });

  it.each([
    ['single', ['us-east-1'], [], false],
    ['strong', ['us-east-1', 'us-east-2', 'us-west-2'], ['us-east-2', 'us-west-2'], false],
    ['home', ['us-west-2', 'us-east-1'], ['us-east-1'], true],
  ])('a table in mode %s, with deletion protection and recovery in every region', async (...row) => {
    const [mode, regions, replicas, isStreamed] = row;
    const table = await moduleWith({ store: { mode, regions } }).resource('aws_dynamodb_table', 'this');
    expect(table).toMatchObject({
      region: regions[0],
      hash_key: 'id',
      range_key: 'version',
      attribute: [
        { name: 'id', type: 'S' },
        { name: 'version', type: 'N' },
      ],
      deletion_protection_enabled: true,
      point_in_time_recovery: [{ enabled: true }],
      stream_enabled: isStreamed,
      replica: replicas.map((region_name) => ({
        region_name,
        consistency_mode: mode === 'strong' ? 'STRONG' : 'EVENTUAL',
        deletion_protection_enabled: true,
        point_in_time_recovery: true,
      })),
    });
  });

  it('a role for each kind of process with exactly the given trust', async () => {
    const module = moduleWith();
    const policies = await (await module.child('documents')).output('trust_policies');
    const trusted = (role: string): readonly unknown[] =>
      statementsOf((policies as Record<string, string>)[role] ?? '').map(
        ({ Principal, Action, Condition }) => [Principal, Action, Condition],
      );
    const issuer = 'oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE';
    expect(trusted('creator')).toEqual([
      [{ Service: 'ec2.amazonaws.com' }, ['sts:AssumeRole'], undefined],
      [
        { Federated: serviceAccount().oidc_provider_arn },
        ['sts:AssumeRoleWithWebIdentity'],
        {
          StringEquals: {
            [`${issuer}:aud`]: 'sts.amazonaws.com',
            [`${issuer}:sub`]: 'system:serviceaccount:rkms:rkms',
          },
        },
      ],
    ]);
    expect(trusted('reader')).toEqual([
      [
        { Service: 'pods.eks.amazonaws.com' },
        ['sts:AssumeRole', 'sts:TagSession'],
        { StringEquals: { 'aws:SourceAccount': account } },
      ],
    ]);
    expect(trusted('operator')).toEqual([
      [{ AWS: `arn:aws:iam::${account}:role/on-call` }, ['sts:AssumeRole'], undefined],
    ]);
    expect(await module.output('instance_profiles')).toEqual({ creator: 'rkms-creator' });
  });
});

it('the example has all outputs that the next steps need', async () => {
  const module = new ComputedModule(example, {}, computed);
  const outputs = Object.keys(example.output).filter((name) => name !== 'rkms_toml');
  const computedHere = await Promise.all(
    outputs.map(async (name) => [name, await module.output(name)] as const),
  );
  const role = (name: string): string => `arn:aws:iam::${account}:role/rkms-${name}`;
  expect(Object.fromEntries(computedHere)).toEqual({
    role_arns: { creator: role('creator'), operator: role('operator'), reader: role('reader') },
    instance_profiles: { creator: 'rkms-creator', reader: 'rkms-reader' },
    key_arns: Object.fromEntries(
      inputs.regions.map((region) => [
        region,
        `arn:aws:kms:${region}:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
      ]),
    ),
    table_arn: `arn:aws:dynamodb:us-east-1:${account}:table/rkms`,
  });
});

const hasTerraform = spawnSync('terraform', ['version']).status === 0;

/** Skipped where Terraform is not installed; it is in neither npm nor Debian. */
(hasTerraform ? describe : describe.skip)('with Terraform itself', () => {
  it('every file has the format of terraform fmt', () => {
    const { status, stdout } = spawnSync('terraform', ['fmt', '-check', '-recursive', folder], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, '']);
  });

  it('the documents are the same as those computed here', async () => {
    const ours = await moduleWith({ store: { mode: 'home', regions: ['us-east-1', 'us-west-2'] } }).child(
      'documents',
    );
    const names = Object.keys(documents.output);
    const computedHere = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await ours.output(name)] as const)),
    );
    expect(await ofTerraform(ours)).toEqual(computedHere);
  });
});

/** The outputs of the documents, computed by terraform from the same inputs. */
async function ofTerraform(ours: ComputedModule): Promise<unknown> {
  const scratch = mkdtempSync(join(tmpdir(), 'rkms-terraform-'));
  try {
    cpSync(`${folder}/modules/documents`, join(scratch, 'documents'), { recursive: true });
    const given = Object.keys(documents.variable).map(
      async (name) => [name, await ours.input(name)] as const,
    );
    const call = {
      module: { documents: { source: './documents', ...Object.fromEntries(await Promise.all(given)) } },
      output: { all: { value: '${module.documents}' } },
    };
    writeFileSync(join(scratch, 'main.tf.json'), JSON.stringify(call));
    const run = (...args: readonly string[]): string => {
      const done = spawnSync('terraform', [`-chdir=${scratch}`, ...args], { encoding: 'utf8' });
      if (done.status !== 0) throw new Error(done.stderr);
      return done.stdout;
    };
    run('init', '-input=false');
    run('apply', '-auto-approve', '-input=false');
    return JSON.parse(run('output', '-json', 'all'));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
