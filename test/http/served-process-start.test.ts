// What stands in the way of serving ends the start: one clear line of what is wrong, one of what to do, exit code 1. No
// stack trace, and no key is ever made anew because something is missing (I7).
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from '../support/http-client.js';
import { until } from '../support/until.js';
import { awsVariables, PlayedAws, type AwsConfig } from '../support/played-aws.js';
import { embeddedConfig, freePorts, Lab, type Ended } from '../support/served-process.js';

let lab: Lab;
beforeAll(async () => {
  lab = new Lab();
  const served = await lab.serve(config('used'));
  const answer = await lab.get(served, 'orders/7', readFileSync(lab.path('used', 'token'), 'utf8').trim());
  expect(answer.status).toBe(200);
  await served.stop();
});
afterAll(() => lab.close());

/** The exit code, what was printed on stdout, and what is on stderr besides log lines. */
const said = ({ code, stdout, stderr }: Ended): unknown => {
  expect(stderr).not.toMatch(/^ +at |\bError\b.*\n|node:internal/m);
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  return { code, stdout, lines: lines.map((line) => line.replaceAll(lab.folder, '.')) };
};
const refusal = (...lines: readonly string[]): unknown => ({ code: 1, stdout: '', lines });

const config = (folder: string, options = {}): string =>
  lab.write(`${folder}.toml`, embeddedConfig(`./${folder}`, options));
const serve = (path: string, variables = {}): Promise<Ended> =>
  lab.run(['serve', '--config', path], { ...freePorts, ...variables });
/** A data folder that was in use: its service holds one key. */
const used = (folder: string): string => {
  lab.copyFolder('used', folder);
  return config(folder);
};

describe('a start that cannot serve says why', () => {
  it('when another program uses the port', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const ended = await serve(config('port'), { RKMS_SERVER_PORT: String(port) });
    other.close();
    expect(said(ended)).toEqual(
      refusal(
        `rkms: cannot listen on 127.0.0.1:${port} (EADDRINUSE)`,
        '  another program uses the port: stop it, or set RKMS_SERVER_PORT to a free one',
      ),
    );
  });

  it('when another program uses both ports, and names both', async () => {
    const others = await Promise.all(
      [0, 0].map(async (free) => {
        const other: Server = createServer().listen(free, '127.0.0.1');
        await once(other, 'listening');
        return other;
      }),
    );
    const [port, operations] = others.map((other) => String((other.address() as AddressInfo).port));
    const variables = { RKMS_SERVER_PORT: port ?? '', RKMS_OPERATIONS_PORT: operations ?? '' };
    const ended = await serve(config('ports'), variables);
    for (const other of others) other.close();
    expect(said(ended)).toEqual(
      refusal(
        `rkms: cannot listen on 127.0.0.1:${port} (EADDRINUSE); cannot listen on 127.0.0.1:${operations} (EADDRINUSE)`,
        '  another program uses the port: stop it, or set RKMS_SERVER_PORT to a free one; ' +
          'another program uses the port: stop it, or set RKMS_OPERATIONS_PORT to a free one',
      ),
    );
  });

  it('when the address is not of this machine', async () => {
    const elsewhere = { RKMS_SERVER_HOST: '192.0.2.1', RKMS_SERVER_TLS: 'terminated-elsewhere' };
    const ended = await serve(config('address'), elsewhere);
    expect(said(ended)).toEqual(
      refusal(
        'rkms: cannot listen on 192.0.2.1:0 (EADDRNOTAVAIL)',
        '  set server.host and server.port to an address of this machine',
      ),
    );
  });

  it('when other machines could connect without TLS', async () => {
    const ended = await serve(config('open'), { RKMS_SERVER_HOST: '0.0.0.0' });
    expect(said(ended)).toEqual(
      refusal(
        'rkms: the configuration ./open.toml is not valid:',
        '  server.host: found "0.0.0.0" in RKMS_SERVER_HOST; expected 127.0.0.1, because keys would travel unencrypted;' +
          ' or [tls] with cert_file and key_file, or server.tls = "terminated-elsewhere" where something in front speaks TLS',
      ),
    );
  });

  it('when the data folder cannot be made', async () => {
    lab.write('file', '');
    const path = lab.write('below.toml', embeddedConfig('./file/data'));
    expect(said(await serve(path))).toEqual(
      refusal(
        'rkms: the folder ./file/data cannot be written to (ENOTDIR)',
        '  make the user that runs RKMS its owner, or name another folder',
      ),
    );
  });

  it('when the data folder is open to others', async () => {
    mkdirSync(lab.path('open'), { mode: 0o755 });
    expect(said(await serve(config('open')))).toEqual(
      refusal('rkms: the folder ./open is open to other users (mode 0755)', "  run: chmod 700 './open'"),
    );
    expect(readdirSync(lab.path('open'))).toEqual([]);
  });

  it('when the store belongs to another deployment', async () => {
    used('foreign');
    const path = lab.write('other.toml', embeddedConfig('./foreign', { deployment: 'other' }));
    expect(said(await serve(path))).toEqual(
      refusal(
        'rkms: the store belongs to the deployment "embedded", not to "other"',
        '  correct [store] or deployment in the configuration',
      ),
    );
  });

  it('when a master key is truncated', async () => {
    const path = used('truncated');
    truncateSync(lab.path('truncated/master-keys/us-east-2.key'), 20);
    expect(said(await serve(path))).toEqual(
      refusal(
        'rkms: the master key truncated/master-keys/us-east-2.key has 20 bytes instead of 48',
        '  restore it from a backup; RKMS never replaces a master key, because stored keys depend on it',
      ),
    );
  });

  it('when a master key is missing that stored keys depend on, and makes none', async () => {
    const path = used('deleted');
    rmSync(lab.path('deleted/master-keys/us-east-2.key'));
    expect(said(await serve(path))).toEqual(
      refusal(
        'rkms: the master key deleted/master-keys/us-east-2.key is missing, and stored keys depend on it',
        '  restore it from a backup, or remove the region from the configuration',
      ),
    );
    expect(readdirSync(lab.path('deleted/master-keys')).sort()).toEqual(['us-east-1.key', 'us-west-2.key']);
  });

  it('when the store is gone but its master keys are there, and begins no new one', async () => {
    const path = used('lost');
    for (const name of readdirSync(lab.path('lost'))) {
      if (name.startsWith('rkms.sqlite')) rmSync(lab.path('lost', name));
    }
    for (const start of ['first', 'second']) {
      expect([start, said(await serve(path))]).toEqual([
        start,
        refusal(
          'rkms: there are master keys, but the store has no genesis record: it was lost, emptied or replaced',
          '  restore the store from a backup; for a new deployment, use an empty data_dir',
        ),
      ]);
    }
  });

  it('when the store is not an SQLite file', async () => {
    mkdirSync(lab.path('garbage'), { mode: 0o700 });
    writeFileSync(lab.path('garbage/rkms.sqlite'), 'no database at all, but long enough '.repeat(40));
    expect(said(await serve(config('garbage')))).toEqual(
      refusal(
        'rkms: the store garbage/rkms.sqlite cannot be opened (file is not a database)',
        '  it is not an SQLite database: name another file as store.path, or restore it from a backup',
      ),
    );
  });

  it('when the token file is damaged', async () => {
    const path = used('tokens');
    appendFileSync(lab.path('tokens/tokens.json'), '}');
    expect(said(await serve(path))).toEqual(
      refusal(
        expect.stringMatching(
          /^rkms: the token file tokens\/tokens\.json is not valid JSON \(line \d+, column \d+\)$/,
        ) as unknown as string,
        '  restore it, or move it away and create new tokens with: rkms token create --config ./tokens.toml',
      ),
    );
  });

  it('when the audit log is no file', async () => {
    mkdirSync(lab.path('audit'), { mode: 0o700 });
    mkdirSync(lab.path('audit/audit.jsonl'));
    expect(said(await serve(config('audit')))).toEqual(
      refusal(
        'rkms: the audit log audit/audit.jsonl cannot be read (EISDIR)',
        '  set audit.file to another file, or make the user that runs RKMS the owner of this one',
      ),
    );
  });
});

describe('a configuration that cannot be used is refused', () => {
  it.each(['serve', 'init'])('by %s with all its problems at once', async (command) => {
    const path = lab.write(
      'wrong.toml',
      'deployment = "a b"\n[server]\nprot = 80\nport = 80000\n[[regions]]\nname = "us-east-1"\nvault = "local-kms"\n',
    );
    const ended = await lab.run([command, '--config', path], { RKMS_KEYS_QUORUM: 'two' });
    expect(said(ended)).toEqual(
      refusal(
        'rkms: the configuration ./wrong.toml is not valid:',
        '  ./wrong.toml:1: deployment: found "a b"; expected 1 to 64 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
        '  ./wrong.toml:4: server.port: found 80000; expected a whole number from 0 to 65535',
        '  ./wrong.toml:3: server.prot: found an unknown key; expected "port"?',
        '  store: found nothing; expected a table with kind = "sqlite" or "dynamodb"',
        '  keys.quorum: found "two" in RKMS_KEYS_QUORUM; expected a whole number of regions from 1 to 16',
      ),
    );
  });

  it('when it is no TOML', async () => {
    const path = lab.write('bad.toml', 'deployment = "a"\nregions = [\n');
    expect(said(await serve(path))).toEqual(
      refusal(
        'rkms: the configuration ./bad.toml is not valid:',
        expect.stringMatching(
          /^ {2}\.\/bad\.toml:[23]: line [23], column \d+: found [a-z ]+; expected TOML 1\.0$/,
        ) as unknown as string,
      ),
    );
  });

  it('when there is none', async () => {
    expect(said(await lab.run(['serve'], { RKMS_CONFIG: 'nowhere.toml' }))).toEqual(
      refusal(
        'rkms: the configuration nowhere.toml cannot be read (ENOENT)',
        '  name it with --config or RKMS_CONFIG',
      ),
    );
  });

  it('but a variable that names no option is only pointed out', async () => {
    const served = await lab.serve(config('variable'), { RKMS_SERVER_PROT: '1' });
    expect(JSON.parse(served.stderr.split('\n')[0] ?? '')).toMatchObject({
      level: 40,
      name: 'RKMS_SERVER_PROT (did you mean RKMS_SERVER_PORT?)',
      msg: 'this variable matches no option',
    });
    await served.stop();
  });
});

describe('a command line that is wrong is refused, with where to look', () => {
  const create = ['token', 'create'];
  const nobody = ['--allow', 'read'];
  const app = ['--caller', 'app'];
  it.each([
    [[...create, ...nobody], /required option '--caller <name>' not specified/],
    [[...create, ...app], /required option '--allow <list>' not specified/],
    [
      [...create, ...nobody, '--caller', 'a b'],
      /'--caller <name>' argument 'a b' is invalid\. A caller has 1 to 128/,
    ],
    [
      [...create, ...nobody, '--caller', ''],
      /'--caller <name>' argument '' is invalid\. A caller has 1 to 128/,
    ],
    [
      [...create, ...app, '--allow', 'reed'],
      /argument 'reed' is invalid\. Permissions are read, create, operate, metrics\./,
    ],
    [
      [...create, ...app, '--allow', ''],
      /argument '' is invalid\. Permissions are read, create, operate, metrics\./,
    ],
    [
      [...create, ...app, '--allow', 'read,'],
      /argument 'read,' is invalid\. Permissions are read, create, operate, metrics\./,
    ],
    [
      [...create, ...app, ...nobody, '--expires', '0d'],
      /argument '0d' is invalid\. Expected a number of days, for example 90d\./,
    ],
    [
      [...create, ...app, ...nobody, '--expires', '1y'],
      /argument '1y' is invalid\. Expected a number of days/,
    ],
    [[...create, ...app, ...nobody, 'more'], /too many arguments/],
    [['srve'], /unknown command 'srve'\n\(Did you mean serve\?\)/],
    [['serve', '--prot', '1'], /unknown option '--prot'/],
  ])('%j', async (args, error) => {
    const { code, stdout, stderr } = await lab.run(args, { RKMS_DATA_DIR: './untouched' });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(error);
    expect(stderr).toMatch(/^rkms: [^]*\n {2}rkms [a-z ]*--help explains how to use it\n$/);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(readdirSync(lab.folder)).not.toContain('untouched');
  });
});

/** An endpoint on which nothing listens. */
async function closedEndpoint(): Promise<string> {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  return `http://127.0.0.1:${port}`;
}

/** The store of `config`, on another port. */
async function forwarded(port: number, config: string): Promise<Server> {
  const [, origin = ''] = /^endpoint = "(.*)"$/m.exec(config.split('[store]')[1] ?? '') ?? [];
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = '' } = incoming;
    const onward = request(origin + url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const readiness = async ({ url }: { readonly url: string }): Promise<number> =>
  (await ask(url, { target: '/readyz' })).status;

describe('a start on AWS', () => {
  let aws: PlayedAws;
  beforeAll(async () => {
    aws = await PlayedAws.start();
    const path = lab.write('own.toml', aws.config({ deployment: 'own' }));
    expect(said(await lab.run(['init', '--config', path], awsVariables))).toEqual({
      code: 0,
      stdout: 'The genesis record of the deployment "own" was created.\n',
      lines: [],
    });
    await lab.token(path, 'app', 'read,create');
  });
  afterAll(() => aws.stop());

  const start = (options: AwsConfig, command = 'serve', variables: object = awsVariables): Promise<Ended> => {
    const path = lab.write('aws.toml', aws.config({ deployment: 'own', ...options }));
    return lab.run([command, '--config', path], { ...freePorts, ...variables });
  };

  it('needs a table that was initialised, and says how', async () => {
    await aws.createTable('empty');
    expect(said(await start({ table: 'empty' }))).toEqual(
      refusal(
        'rkms: the store has no genesis record, so RKMS cannot tell whether it is this deployment’s store',
        '  if it is a new store for this deployment, run: rkms init --config ./aws.toml',
      ),
    );
  });

  it.each(['serve', 'init'])('needs a table that exists (%s)', async (command) => {
    expect(said(await start({ table: 'missing' }, command))).toEqual(
      refusal(
        'rkms: the store cannot be used: DynamoDB table "missing" in us-east-1: store.misconfigured (ResourceNotFoundException)',
        '  the table does not exist in this region: create it with partition key id (S) and sort key version (N)',
      ),
    );
  });

  it.each(['serve', 'init'])('needs a table of its own deployment (%s)', async (command) => {
    expect(said(await start({ deployment: 'other', folder: 'own' }, command))).toEqual(
      refusal(
        'rkms: the store belongs to the deployment "own", not to "other"',
        '  correct [store] or deployment in the configuration',
      ),
    );
  });

  it('initialises a table once', async () => {
    expect(said(await start({}, 'init'))).toEqual({
      code: 0,
      stdout: 'The genesis record of the deployment "own" exists already: nothing was changed.\n',
      lines: [],
    });
  });

  it('waits for a store that is down: not ready, and ready without a restart once the store answers', async () => {
    const storeEndpoint = await closedEndpoint();
    const path = lab.write('down.toml', aws.config({ deployment: 'own', storeEndpoint }));
    const token = await lab.token(path, 'waiting', 'read,create');
    const served = await lab.serve(path, awsVariables);
    const refused = await lab.get(served, 'orders/waiting', token);
    expect([await readiness(served), refused.status, refused.problem]).toEqual([
      503,
      503,
      'store.unavailable',
    ]);
    expect(served.stderr).toContain('"check":"store"');
    const store = await forwarded(Number(new URL(storeEndpoint).port), aws.config());
    try {
      await until(async () => (await readiness(served)) === 200);
      expect(await lab.get(served, 'orders/waiting', token)).toMatchObject({ status: 200 });
    } finally {
      store.closeAllConnections();
      store.close();
    }
    await served.stop();
  });

  it('goes on when its terminal is closed while it waits for the store for the first time', async () => {
    const store = createTcpServer().listen(0, '127.0.0.1');
    await once(store, 'listening');
    const storeEndpoint = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
    const path = lab.write('waits.toml', aws.config({ deployment: 'own', storeEndpoint }));
    const connected = once(store, 'connection') as Promise<[Socket]>;
    const running = lab.start(['serve', '--config', path], { ...freePorts, ...awsVariables });
    const [socket] = await connected;
    running.signal('SIGHUP');
    await running.output((_, log) => (log.includes('signal ignored') ? true : undefined));
    store.close();
    socket.destroy();
    await running.output((banner) => (banner.includes('RKMS serves') ? true : undefined));
    expect(await running.stop()).toMatchObject({ code: 0 });
  });

  it('refuses a store that turns out to be of another deployment after it was down', async () => {
    const storeEndpoint = await closedEndpoint();
    const path = lab.write(
      'other.toml',
      aws.config({ deployment: 'stranger', folder: 'own', storeEndpoint }),
    );
    const served = await lab.serve(path, awsVariables);
    const store = await forwarded(Number(new URL(storeEndpoint).port), aws.config());
    const ended = await served.ended;
    store.closeAllConnections();
    store.close();
    expect([ended.code, ended.stderr]).toEqual([
      1,
      expect.stringContaining('the store belongs to the deployment \\"own\\", not to \\"stranger\\"'),
    ]);
  });

  it('needs credentials', async () => {
    expect(said(await start({}, 'serve', {}))).toEqual(
      refusal(
        'rkms: the store cannot be used: DynamoDB table "rkms" in us-east-1: credentials.invalid (no AWS credentials were found)',
        '  give the process a role (of the instance, the task or the service account), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      ),
    );
  });

  it('needs a token', async () => {
    expect(said(await start({ folder: 'tokenless' }))).toEqual(
      refusal(
        'rkms: there is no token file tokenless/tokens.json; without a token RKMS answers no request',
        '  create a token: rkms token create --config ./aws.toml --caller <name> --allow read,create',
      ),
    );
  });

  const lost = 'alias/nobody';
  const hint = '  check regions, KMS keys, permissions and credentials of those named';

  it('needs a KMS key that exists in some region', async () => {
    expect(said(await start({ kmsKeys: [lost, lost, lost] }))).toEqual(
      refusal(
        'rkms: no region can be used, and waiting does not change that (us-east-1: vault.misconfigured, not-found; ' +
          'us-east-2: vault.misconfigured, not-found; us-west-2: vault.misconfigured, not-found)',
        hint,
      ),
    );
  });

  it('needs no quorum: with KMS keys of two regions misconfigured, keys are read', async () => {
    await aws.regions[1].fail('disabled');
    const path = lab.write('two.toml', aws.config({ deployment: 'own', kmsKeys: [lost] }));
    const served = await lab.serve(path, awsVariables);
    expect(await readiness(served)).toBe(200);
    await served.stop();
    await aws.regions[1].heal();
  });

  it('needs no DescribeKey where the KMS keys are named by ARN', async () => {
    const kmsKeys = aws.regions.map(({ keyArn }) => keyArn);
    const path = lab.write('arns.toml', aws.config({ deployment: 'own', kmsKeys }));
    await Promise.all(aws.regions.map((each) => each.fail('throttled', { operations: ['DescribeKey'] })));
    const served = await lab.serve(path, awsVariables);
    expect([await readiness(served), served.stderr]).toEqual([
      200,
      expect.not.stringContaining('cannot be used'),
    ]);
    await served.stop();
    await Promise.all(aws.regions.map((each) => each.heal()));
  });

  it('goes on with one region that is well while the others are down, reads keys and makes none', async () => {
    const path = lab.write('outage.toml', aws.config({ deployment: 'own', folder: 'outage' }));
    const token = await lab.token(path, 'reader', 'read,create');
    const before = await lab.serve(path, awsVariables);
    const made = await lab.get(before, 'orders/outage', token);
    await before.stop();
    const [preferred, next, left] = aws.regions;
    await preferred.fail('refused');
    await next.fail('silent');
    try {
      const served = await lab.serve(path, awsVariables);
      const read = await lab.get(served, 'orders/outage', token);
      const refused = await lab.get(served, 'orders/new', token);
      expect([made.status, read.status, read.headers['rkms-region'], refused.status]).toEqual([
        200,
        200,
        left.region,
        503,
      ]);
      expect([JSON.parse(read.body), refused.body]).toEqual([
        JSON.parse(made.body),
        expect.stringContaining('urn:rkms:problem:regions.below-quorum'),
      ]);
      expect(served.stderr).toContain(
        '"usable":1,"quorum":2,"msg":"fewer regions than the quorum can be used: keys can be read, but not created"',
      );
      await served.stop();
    } finally {
      await preferred.heal();
      await next.heal();
    }
  });

  it('waits while no region works, and is ready once one does', async () => {
    const path = lab.write('regions.toml', aws.config({ deployment: 'own' }));
    await Promise.all(aws.regions.map((each) => each.fail('server-error')));
    const served = await lab.serve(path, awsVariables);
    expect([await readiness(served), served.stderr]).toEqual([
      503,
      expect.stringContaining('"problem":"no region can be used now (us-east-1: region.unavailable'),
    ]);
    await Promise.all(aws.regions.map((each) => each.heal()));
    await until(async () => (await readiness(served)) === 200);
    await served.stop();
  });

  it('goes on with a warning when one region has no KMS key, and makes keys in the others', async () => {
    const path = lab.write('one.toml', aws.config({ deployment: 'own', folder: 'one', kmsKeys: [lost] }));
    const token = await lab.token(path, 'other', 'read,create');
    const served = await lab.serve(path, awsVariables);
    // The log is another stream than the banner: it may arrive later.
    await served.output((_, stderr) => (/starts without it.*\n/.test(stderr) ? true : undefined));
    const warnings = served.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(warnings).toMatchObject([
      {
        level: 40,
        region: 'us-east-1',
        table: 'rkms',
        msg: expect.stringContaining('deletion protection is off'),
      },
      { level: 40, region: 'us-east-1', table: 'rkms', msg: expect.stringContaining('could not be checked') },
      {
        level: 40,
        region: 'us-east-1',
        kind: 'vault.misconfigured',
        reason: 'not-found',
        msg: 'region cannot be used now; the service starts without it',
      },
    ]);
    const answer = await lab.get(served, 'orders/7', token);
    expect([answer.status, answer.headers['rkms-region'], answer.headers['rkms-copies']]).toEqual([
      200,
      'us-east-2',
      '2/3',
    ]);
    await served.stop();
  });
});
