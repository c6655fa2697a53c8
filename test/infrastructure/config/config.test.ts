// The configuration: what it says when it says nothing, and that every mistake in it is reported, all at once, with its
// place, what was found and what is expected.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ok } from 'neverthrow';
import { callerGrants, creationLimitsOf } from '../../../src/infrastructure/config/schema/callers.js';
import type { ConfigProblem } from '../../../src/infrastructure/config/config.js';
import {
  isEmbedded,
  parseConfig,
  regionsOf,
  showConfigProblems,
} from '../../../src/infrastructure/config/config.js';
import { certificateNames, jwtSubjects } from '../../../src/infrastructure/config/schema/identities.js';
import { unknownVariables, type Environment } from '../../../src/infrastructure/config/environment.js';
import { grant } from '../../support/callers.js';
import { callerId } from '../../support/names.js';
import { writesOf } from '../../../src/infrastructure/config/schema/store.js';

const top = 'deployment = "test"\n';
const store = '[store]\nkind = "sqlite"\n';
const region = (name: string, rest = 'vault = "local-kms"'): string =>
  `[[regions]]\nname = "${name}"\n${rest}\n`;
const aws = (rest: string): string =>
  region('us-east-1', `vault = "aws-kms"\nkms_key = "alias/rkms"\n${rest}`);
const smallest = `${top}${store}${region('us-east-1')}`;

const problemsIn = (toml: string, environment?: Environment): readonly ConfigProblem[] =>
  parseConfig(toml, environment).match(
    () => [],
    ({ problems }) => problems,
  );
const found = (toml: string, environment?: Environment): unknown =>
  problemsIn(toml, environment).map((problem) => [problem.path, problem.found, problem.expected]);

const oneOf = (...names: readonly string[]): string => `one of ${names.join(', ')}`;
/** The options of [server]. */
const anyOfServer = oneOf(
  'host',
  'port',
  'workers',
  'request_timeout_ms',
  'max_in_flight',
  'max_connections',
  'max_connections_per_address',
  'keep_alive_ms',
  'tls',
);
const deploymentRule = '1 to 64 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit';
const regionRule = '1 to 64 characters of a-z 0-9 -, starting with a letter';
const callerRule = '1 to 128 characters of A-Z a-z 0-9 . _ : / - @ + =, starting with a letter or digit';
const idsRule = 'at least one pattern, because the caller may read or create ("**" is every id)';
const endpointRule =
  'an https:// URL, or an http:// URL of this machine (127.0.0.1, [::1], localhost), plainly written, without credentials or query';
const milliseconds = 'a whole number of milliseconds from 10 to 60000';
const unknownKey = 'an unknown key';

describe('a configuration', () => {
  it('of a few lines is complete by its defaults', () => {
    expect(parseConfig(smallest)).toMatchObject({
      value: {
        deployment: 'test',
        data_dir: './data',
        server: { host: '127.0.0.1', port: 8_080, request_timeout_ms: 2_000 },
        regions: [{ name: 'us-east-1', vault: 'local-kms' }],
        store: { kind: 'sqlite', path: 'data/rkms.sqlite', timeout_ms: 1_000 },
        keys: { length_bytes: 32, quorum: 1 },
        kms: { attempt_timeout_ms: 800, connect_timeout_ms: 300, max_sockets: 256 },
        repair: { background: 'on' },
        auth: { tokens_file: 'data/tokens.json' },
        audit: { file: 'data/audit.jsonl', flush: 'disk', max_bytes: 268_435_456 },
        log: { level: 'info', format: 'auto' },
      },
    });
  });

  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [5, 4],
  ])('of %i regions has, unless it says otherwise, a quorum of %i', (count, quorum) => {
    const regions = Array.from({ length: count }, (_, index) => region(`region-${index}`)).join('');
    expect(parseConfig(`${top}${store}${regions}`)).toMatchObject({ value: { keys: { quorum } } });
  });

  it('keeps the regions in the order in which they are written', () => {
    const names = ['us-west-2', 'eu-west-1', 'ap-south-1'];
    const config = parseConfig(`${top}${store}${names.map((name) => region(name)).join('')}`);
    expect(config.map(regionsOf)).toMatchObject({ value: names });
  });

  it('may name every option', () => {
    const all = `data_dir = "/srv"\n${top}
      [server]\nhost = "::1"\nport = 0\nrequest_timeout_ms = 60000\nmax_in_flight = 1
max_connections = 1
max_connections_per_address = 1
keep_alive_ms = 3600000
      [operations]\nport = 1\nmetrics = "public"
      [security]\nallow_environment = ["NODE_DEBUG", "--inspect"]
      [store]\nkind = "dynamodb"\ntable = "t"\nregion = "eu-west-1"\nendpoint = "http://[::1]:8000"\ntimeout_ms = 10
      [keys]\nlength_bytes = 64\nquorum = 1
      [kms]\nattempt_timeout_ms = 10\nconnect_timeout_ms = 60000\nmax_sockets = 1
      [auth]\ntokens_file = "/t"\n[audit]\nfile = "/a"\nflush = "os"\nmax_bytes = 1048576\n[log]\nlevel = "silent"\nformat = "json"\n${aws('')}`;
    expect(problemsIn(all)).toEqual([]);
  });

  it.each(['config/rkms.toml', 'config/aws.toml'].filter((path) => existsSync(path)))(
    'that is handed out is valid: %s',
    (path) => {
      const config = parseConfig(readFileSync(path, 'utf8'));
      expect(config.isOk()).toBe(true);
      expect(config.map(isEmbedded)).toMatchObject({ value: path.endsWith('rkms.toml') });
    },
  );

  it('is embedded only while no part of it is of AWS', () => {
    const dynamo = '[store]\nkind = "dynamodb"\ntable = "t"\nregion = "us-east-1"\n';
    const mixed = [`${top}${store}${region('eu-west-1')}${aws('')}`, `${top}${dynamo}${region('eu-west-1')}`];
    expect(mixed.map((toml) => parseConfig(toml).map(isEmbedded))).toMatchObject([
      { value: false },
      { value: false },
    ]);
  });
});

describe('callers in the configuration', () => {
  const callers = (...tables: readonly string[]): string =>
    `${smallest}${tables.map((table) => `[[callers]]\n${table}\n`).join('')}`;
  const billing = 'name = "billing"\nallow = ["read", "create"]\nids = ["billing/*"]';
  const granted = (toml: string): unknown => parseConfig(toml).map((config) => callerGrants(config.callers));

  it('grant what they say, and each knows the place where it is written', () => {
    const onCall = 'name = "on-call"\nallow = ["operate"]';
    expect(granted(callers(`${billing}\ndeny = ["billing/x"]`, onCall))).toEqual(
      ok(
        new Map([
          [
            'billing',
            grant(['read', 'create'], { source: 'callers[0]', ids: ['billing/*'], deny: ['billing/x'] }),
          ],
          ['on-call', grant(['operate'], { source: 'callers[1]', ids: [] })],
        ]),
      ),
    );
  });

  it('may be none at all, which is not the same as an empty list of them', () => {
    expect([granted(smallest), granted(`callers = []\n${smallest}`)]).toEqual([ok(undefined), ok(new Map())]);
  });

  it.each([
    ['no name', 'allow = ["operate"]', 'name', 'nothing', callerRule],
    ['a bad name', 'name = "a b"\nallow = ["operate"]', 'name', '"a b"', callerRule],
    ['no permissions', 'name = "a"', 'allow', 'nothing', 'a list of permissions, at least one'],
    [
      'an empty list of permissions',
      'name = "a"\nallow = []',
      'allow',
      '[]',
      'a list of permissions, at least one',
    ],
    [
      'an unknown permission',
      'name = "a"\nallow = ["write"]',
      'allow[0]',
      '"write"',
      'one of "read", "create", "operate", "metrics"',
    ],
    ['a reader without patterns', 'name = "a"\nallow = ["read"]', 'ids', 'nothing', idsRule],
    [
      'a creator with an empty list of patterns',
      'name = "a"\nallow = ["operate", "create"]\nids = []',
      'ids',
      '[]',
      idsRule,
    ],
    [
      'a pattern for a list',
      'name = "a"\nallow = ["read"]\nids = "**"',
      'ids',
      '"**"',
      'a list of patterns of ids',
    ],
    [
      'a pattern that is none',
      'name = "a"\nallow = ["read"]\nids = ["a/*", "a/**/b"]',
      'ids[1]',
      '"a/**/b"',
      'at most one * in a segment, and ** only as the whole last segment',
    ],
    [
      'a denied pattern that is none',
      'name = "a"\nallow = ["read"]\nids = ["**"]\ndeny = ["/a"]',
      'deny[0]',
      '"/a"',
      'a pattern that starts like an id, with a letter or digit, or with *',
    ],
    ['an unknown key', 'name = "a"\nallow = ["operate"]\ndenny = []', 'denny', unknownKey, '"deny"?'],
    [
      'a quota of nothing',
      `${billing}\ncreation = { burst = 0 }`,
      'creation.burst',
      '0',
      'a whole number of keys from 1 to 1000000',
    ],
    [
      'an unknown quota',
      `${billing}\ncreation = { per_hour = 1 }`,
      'creation.per_hour',
      unknownKey,
      'one of per_second, burst, per_day',
    ],
  ])('with %s are refused', (_, table, path, was, expected) => {
    expect(found(callers(table))).toEqual([[`callers[0].${path}`, was, expected]]);
  });

  it('that are named twice, or are no list, are refused', () => {
    expect(found(callers(billing, billing))).toEqual([
      ['callers[1].name', '"billing" a second time', 'each caller once'],
    ]);
    expect(found(`callers = 7\n${smallest}`)).toEqual([['callers', '7', 'a list of [[callers]] tables']]);
    expect(found(`callers = [7]\n${smallest}`)).toEqual([['callers[0]', '7', 'a [[callers]] table']]);
  });
});

describe('quotas in the configuration', () => {
  const limitsOf = (toml: string, name: string): unknown =>
    parseConfig(toml).map(({ callers, creation }) => creationLimitsOf(callers, creation)(callerId(name)));
  const onAws = `${top}${store}${aws('')}`;

  it('are tight by default where keys cost money, and wide where all regions are local', () => {
    expect(limitsOf(onAws, 'app')).toEqual(ok({ perSecond: 50, burst: 1_000, perDay: 100_000 }));
    expect(limitsOf(smallest, 'app')).toEqual(ok({ perSecond: 1_000, burst: 10_000, perDay: 1_000_000 }));
  });

  it('are those of the caller, else those for all, else the default', () => {
    const toml = `${onAws}[creation]\nburst = 50\nper_second = 0.5\n
      [[callers]]\nname = "big"\nallow = ["create"]\nids = ["**"]\ncreation = { per_day = 7, burst = 9 }`;
    expect(limitsOf(toml, 'big')).toEqual(ok({ perSecond: 0.5, burst: 9, perDay: 7 }));
    expect(limitsOf(toml, 'small')).toEqual(ok({ perSecond: 0.5, burst: 50, perDay: 100_000 }));
  });

  it.each(['0', '-1', '"1"', '100001', 'nan'])('are refused with %s keys per second', (value) => {
    const expected = 'a number of keys per second from 0.001 to 100000';
    expect(found(`${smallest}[creation]\nper_second = ${value}\n`)).toMatchObject([
      ['creation.per_second', expect.anything(), expected],
    ]);
  });

  it('can be set by the environment', () => {
    const config = parseConfig(onAws, { RKMS_CREATION_PER_SECOND: '2.5', RKMS_CREATION_BURST: '3' });
    expect(config).toMatchObject({ value: { creation: { perSecond: 2.5, burst: 3, perDay: 100_000 } } });
  });
});

describe('a mistake in the configuration', () => {
  it.each([
    ['no deployment', `${store}${region('a')}`, 'deployment', 'nothing', deploymentRule],
    ['a bad deployment', `deployment = "a b"\n${store}${region('a')}`, 'deployment', '"a b"', deploymentRule],
    [
      'a number for text',
      `deployment = 7\n${store}${region('a')}`,
      'deployment',
      '7, a number: a text needs quotes',
      deploymentRule,
    ],
    ['an empty folder', `data_dir = ""\n${smallest}`, 'data_dir', '""', 'the path of a folder'],
    ['no regions', `${top}${store}`, 'regions', 'nothing', 'at least one [[regions]] table'],
    [
      'an empty list of regions',
      `${top}regions = []\n${store}`,
      'regions',
      '[]',
      'at least one [[regions]] table',
    ],
    [
      'regions that are no list',
      `${top}regions = 7\n${store}`,
      'regions',
      '7',
      'at least one [[regions]] table',
    ],
    [
      'a region that is no table',
      `${top}regions = [7]\n${store}`,
      'regions[0]',
      '7',
      'a table with vault = "aws-kms" or "local-kms"',
    ],
    ['a bad region', `${top}${store}${region('A')}`, 'regions[0].name', '"A"', regionRule],
    [
      'an unknown vault',
      `${top}${store}${region('a', 'vault = "gcp"')}`,
      'regions[0].vault',
      '"gcp"',
      '"aws-kms" or "local-kms"',
    ],
    [
      'no KMS key',
      `${top}${store}${region('a', 'vault = "aws-kms"')}`,
      'regions[0].kms_key',
      'nothing',
      'the ARN, id or alias of a symmetric KMS key in this region',
    ],
    ['no store', `${top}${region('a')}`, 'store', 'nothing', 'a table with kind = "sqlite" or "dynamodb"'],
    [
      'a store that is no table',
      `store = 7\n${top}${region('a')}`,
      'store',
      '7',
      'a table with kind = "sqlite" or "dynamodb"',
    ],
    [
      'an unknown store',
      `${top}[store]\nkind = "redis"\n${region('a')}`,
      'store.kind',
      '"redis"',
      '"sqlite" or "dynamodb"',
    ],
    [
      'no table name',
      `${top}[store]\nkind = "dynamodb"\nregion = "a"\n${region('a')}`,
      'store.table',
      'nothing',
      'the name of a DynamoDB table, not its ARN',
    ],
    [
      'another reader of the metrics',
      `${smallest}[operations]\nmetrics = "open"`,
      'operations.metrics',
      '"open"',
      'one of "authenticated", "public"',
    ],
    [
      'a port too high',
      `${smallest}[server]\nport = 65536`,
      'server.port',
      '65536',
      'a whole number from 0 to 65535',
    ],
    [
      'a port below zero',
      `${smallest}[server]\nport = -1`,
      'server.port',
      '-1',
      'a whole number from 0 to 65535',
    ],
    [
      'a port in quotes',
      `${smallest}[server]\nport = "80"`,
      'server.port',
      '"80"',
      'a whole number from 0 to 65535',
    ],
    [
      'half a port',
      `${smallest}[server]\nport = 80.5`,
      'server.port',
      '80.5',
      'a whole number from 0 to 65535',
    ],
    [
      'a port that is no number',
      `${smallest}[server]\nport = nan`,
      'server.port',
      'NaN',
      'a whole number from 0 to 65535',
    ],
    [
      'an endless time-out',
      `${smallest}[kms]\nattempt_timeout_ms = inf`,
      'kms.attempt_timeout_ms',
      'Infinity',
      milliseconds,
    ],
    [
      'a short time-out',
      `${smallest}[kms]\nconnect_timeout_ms = 9`,
      'kms.connect_timeout_ms',
      '9',
      milliseconds,
    ],
    ['a section that is no table', `server = 7\n${smallest}`, 'server', '7', 'a table'],
    [
      'a section that is a list',
      `${smallest}[[log]]\nlevel = "info"`,
      'log',
      '[{"level":"info"}]',
      'a table',
    ],
    [
      'how the audit log is flushed',
      `${smallest}[audit]\nflush = "never"`,
      'audit.flush',
      '"never"',
      'one of "disk", "os"',
    ],
    [
      'the size of an audit file',
      `${smallest}[audit]\nmax_bytes = 1000`,
      'audit.max_bytes',
      '1000',
      'a whole number of bytes from 1048576 to 1099511627776',
    ],
    ['a key length', `${smallest}[keys]\nlength_bytes = 24`, 'keys.length_bytes', '24', 'one of 16, 32, 64'],
    [
      'a quorum of none',
      `${smallest}[keys]\nquorum = 0`,
      'keys.quorum',
      '0',
      'a whole number of regions from 1 to 16',
    ],
    [
      'a quorum of more regions than there are',
      `${smallest}[keys]\nquorum = 2`,
      'keys.quorum',
      '2',
      'at most the number of regions, 1',
    ],
    [
      'a quorum that is out of every range',
      `${smallest}[keys]\nquorum = 17`,
      'keys.quorum',
      '17',
      'a whole number of regions from 1 to 16',
    ],
    [
      'a region twice',
      `${smallest}${region('b')}${region('us-east-1')}`,
      'regions[2].name',
      '"us-east-1" a second time',
      'each region once',
    ],
    [
      'a log level',
      `${smallest}[log]\nlevel = "trace"`,
      'log.level',
      '"trace"',
      'one of "debug", "info", "warn", "error", "silent"',
    ],
    [
      'a date for text',
      `deployment = 2030-01-01\n${store}${region('a')}`,
      'deployment',
      '2030-01-01, a TOML date or time: a text needs quotes',
      deploymentRule,
    ],
    [
      'what is too long to show',
      `deployment = "${'a'.repeat(99)}"\n${store}${region('a')}`,
      'deployment',
      `"${'a'.repeat(59)}...`,
      deploymentRule,
    ],
  ])('is reported with path, found and expected: %s', (_, toml, path, what, expected) => {
    expect(found(toml)).toEqual([[path, what, expected]]);
  });

  it.each([
    ['a = 1\na = 2', 'line 2, column 1'],
    [`${top}[server`, 'line 2, column 2'],
    ['deployment = ', 'line 1, column 14'],
    ['deployment = "a\nb"', 'line 1, column 16'],
    ['\u0000', 'line 1, column 1'],
  ])('in the TOML itself is reported with its line and column: %j', (toml, path) => {
    const [problem, ...others] = problemsIn(toml);
    expect([problem?.path, problem?.expected, others]).toEqual([path, 'TOML 1.0', []]);
    expect(problem?.found).toMatch(/^[a-z][^\n]+$/);
  });

  it('never comes alone: all are reported at once, one line each', () => {
    const toml = `${top}data_dri = "x"
      [server]\nport = "80"\nhots = "a"
      ${region('B')}${region('c', 'vault = "aws-kms"\nkms_kye = "k"')}${region('d')}${region('d')}
      [store]\nkind = "sqlite"\ntable = "t"
      [keys]\nquorum = 5`;
    const shown = parseConfig(toml).mapErr(showConfigProblems);
    const lines = shown.isErr() ? shown.error.split('\n').sort() : [];
    expect(lines).toEqual(
      [
        'data_dri: found an unknown key; expected "data_dir"?',
        'server.port: found "80"; expected a whole number from 0 to 65535',
        'server.hots: found an unknown key; expected "host"?',
        `regions[0].name: found "B"; expected ${regionRule}`,
        'regions[1].kms_key: found nothing; expected the ARN, id or alias of a symmetric KMS key in this region',
        'regions[1].kms_kye: found an unknown key; expected "kms_key"?',
        'regions[3].name: found "d" a second time; expected each region once',
        'store.table: found an unknown key; expected one of kind, path, timeout_ms',
        'keys.quorum: found 5; expected at most the number of regions, 4',
      ].sort(),
    );
  });
});

describe('what TOML takes for something else than a text', () => {
  it.each([
    ['2026-01-02', '2026-01-02, a TOML date or time: a text needs quotes'],
    ['07:32:00', '07:32:00.000, a TOML date or time: a text needs quotes'],
    ['1979-05-27T07:32:00', '1979-05-27T07:32:00.000, a TOML date or time: a text needs quotes'],
    ['1979-05-27T00:32:00-07:00', expect.stringContaining('a TOML date or time: a text needs quotes')],
    ['1.3', '1.3, a number: a text needs quotes'],
    ['true', 'true, a boolean: a text needs quotes'],
    ['["a"]', '["a"]'],
  ])('is named as what it is: %s', (value, what) => {
    expect(found(`deployment = ${value}\n${store}${region('a')}`)).toEqual([
      ['deployment', what, deploymentRule],
    ]);
  });

  it('is named where one of several texts is expected, and not where a number is', () => {
    const tls = '[tls]\ncert_file = "c"\nkey_file = "k"\nmin_version = 1.3\n';
    expect(found(`${smallest}${tls}[server]\nport = 2026-01-02`)).toEqual([
      ['server.port', '2026-01-02, a TOML date or time', 'a whole number from 0 to 65535'],
      ['tls.min_version', '1.3, a number: a text needs quotes', 'one of "1.3", "1.2"'],
    ]);
  });
});

describe('a text', () => {
  const every = `${top}data_dir = "/srv"
    [server]\nhost = "::1"\n[operations]\nhost = "localhost"
    [tls]\ncert_file = "/c"\nkey_file = "/k"\nclient_ca_file = "/ca"\nrevoked_file = "/r"
    [auth]\ntokens_file = "/t"\n[audit]\nfile = "/a"\n[security]\nallow_environment = ["NODE_DEBUG"]
    [store]\nkind = "dynamodb"\ntable = "t"\nmode = "home"\nhome = "eu-west-1"
    [[store.regions]]\nname = "eu-west-1"\nendpoint = "https://a.example"\n[[store.regions]]\nname = "us-east-1"
    ${aws('endpoint = "https://b.example"')}
    [[issuers]]\nissuer = "https://i"\naudience = "rkms"\nalgorithms = ["ES256"]\njwks_uri = "https://i/jwks"
    jwks_ca_file = "/j"\njwks_token_file = "/w"
    [[issuers]]\nissuer = "https://k"\naudience = "rkms"\nalgorithms = ["ES256"]\njwks_file = "/f"\nkubernetes = true
    [[callers]]\nname = "billing"\nallow = ["read"]\nids = ["a/*"]\ndeny = ["b"]\ncertificates = ["dns:a.example"]
    subjects = [{ issuer = "https://i", subject = "s" }]
    service_accounts = [{ issuer = "https://k", namespace = "n", name = "a", uid = "u" }]\n`;
  const texts = [...every.matchAll(/"[^"]*"/g)];

  it('is as it should be before it is changed', () => {
    expect([problemsIn(every), texts.length]).toEqual([[], expect.any(Number)]);
  });

  it.each(texts.map((match, index) => [index, match[0], match.index] as const))(
    'with a blank at an end or a line feed is refused, with its place: %i %s',
    (_, text, at) => {
      const inner = text.slice(1, -1);
      for (const changed of [`"${inner} "`, `" ${inner}"`, `"${inner}\\n"`]) {
        const problems = problemsIn(every.slice(0, at) + changed + every.slice(at + text.length));
        const right = problems.find((problem) => problem.found.startsWith(changed.slice(0, -1)));
        expect([changed, right?.path]).toEqual([changed, expect.stringMatching(/^[a-z]/)]);
      }
    },
  );
});

describe('the KMS key of a region', () => {
  const rule = 'the ARN, id or alias of a symmetric KMS key in this region';
  const keyed = (name: string): unknown =>
    found(`${top}${store}${region('us-east-1', `vault = "aws-kms"\nkms_key = "${name}"`)}`);
  const account = '111122223333';

  it.each([
    [`arn:aws:kms:us-east-1:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`],
    [`arn:aws:kms:us-east-1:${account}:key/mrk-1234abcd12ab34cd56ef1234567890ab`],
    [`arn:aws:kms:us-east-1:${account}:alias/rkms/prod`],
    ['alias/rkms_2'],
    ['1234abcd-12ab-34cd-56ef-1234567890ab'],
  ])('may be %s', (name) => {
    expect(keyed(name)).toEqual([]);
  });

  it.each([
    [`arn:aws:iam::${account}:role/rkms`],
    [`arn:aws:kms:us-east-1:${account}:role/rkms`],
    [`arn:aws:kms:us-east-1:1111:key/a`],
    ['rkms_2'],
    ['alias/a b'],
    ['alias/'],
  ])('cannot be %s', (name) => {
    expect(keyed(name)).toEqual([['regions[0].kms_key', `"${name}"`, rule]]);
  });

  it.each(['key/1234abcd', 'alias/rkms'])('cannot be an ARN of another region: %s', (key) => {
    expect(keyed(`arn:aws:kms:us-west-2:${account}:${key}`)).toEqual([
      [
        'regions[0].kms_key',
        'a KMS key in us-west-2',
        'a KMS key in us-east-1, the name of this region; each region has a key of its own',
      ],
    ]);
  });
});

describe('the host of a listener', () => {
  const hosted = (host: string): unknown =>
    found(`${smallest}[server]\ntls = "terminated-elsewhere"\nhost = "${host}"`);

  it.each(['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1%eth0', 'localhost', 'rkms.internal', 'a_b-1'])(
    'may be %s',
    (host) => {
      expect(hosted(host)).toEqual([]);
    },
  );

  it.each([
    '[::1]',
    '127.0.0.1:8080',
    'http://localhost',
    '300.1.1.1',
    '127.1',
    '*',
    'a..b',
    '/run/rkms.sock',
  ])('cannot be %s', (host) => {
    expect(hosted(host)).toEqual([
      [
        'server.host',
        `"${host}"`,
        'an IP address without brackets, as "127.0.0.1" or "::1", or a host name; the port is an option of its own',
      ],
    ]);
  });
});

describe('an unknown key', () => {
  it.each([
    ['at the top', `data_dirs = "x"\n${smallest}`, 'data_dirs', '"data_dir"?'],
    ['at the top, for a section', `${smallest}[sever]\n`, 'sever', '"server"?'],
    ['in a section', `${smallest}[kms]\nmax_socket = 1`, 'kms.max_socket', '"max_sockets"?'],
    [
      'in a local region',
      `${smallest}${region('b', 'vault = "local-kms"\nnmae = "b"')}`,
      'regions[1].nmae',
      '"name"?',
    ],
    ['in a region of AWS', `${top}${store}${aws('end_point = "x"')}`, 'regions[0].end_point', '"endpoint"?'],
    [
      'in an SQLite store',
      `${top}[store]\nkind = "sqlite"\npaht = "x"\n${region('a')}`,
      'store.paht',
      '"path"?',
    ],
    [
      'in a DynamoDB store',
      `${top}[store]\nkind = "dynamodb"\ntable = "t"\nregion = "a"\ntabel = "t"\n${region('a')}`,
      'store.tabel',
      '"table"?',
    ],
    ['that is far from all', `${smallest}[server]\ncolour = 1`, 'server.colour', anyOfServer],
    [
      'of another kind of region',
      `${top}${store}${region('a', 'vault = "local-kms"\nkms_key = "k"')}`,
      'regions[0].kms_key',
      oneOf('name', 'vault'),
    ],
    ['that every object has', `${smallest}[server]\nconstructor = 1`, 'server.constructor', anyOfServer],
  ])('%s is refused, and the nearest known one suggested', (_, toml, path, expected) => {
    expect(found(toml)).toEqual([[path, unknownKey, expected]]);
  });
});

describe('an endpoint', () => {
  const withEndpoint = (value: string): string =>
    `${top}${store}${aws(`endpoint = ${JSON.stringify(value)}`)}`;

  it.each([
    ...['https://vpce-0.kms.us-west-2.vpce.amazonaws.com', 'https://kms.example:8443/path'],
    ...['http://127.0.0.1:4566', 'http://127.1.2.3', 'http://localhost:80', 'http://[::1]:4566'],
  ])('may be %s', (endpoint) => {
    expect(problemsIn(withEndpoint(endpoint))).toEqual([]);
  });

  it.each([
    ['plain HTTP to another machine', 'http://kms.us-east-1.amazonaws.com'],
    ['plain HTTP to every address', 'http://0.0.0.0'],
    ['plain HTTP to what only looks like this machine', 'http://127.0.0.1.example.com'],
    ['plain HTTP to this machine as a user name', 'http://localhost@example.com'],
    ['plain HTTP to this machine in another notation', 'http://[::ffff:127.0.0.1]'],
    ['credentials', 'https://user:password@kms.example'],
    ['a user name', 'https://user@kms.example'],
    ['a password alone', 'https://:password@kms.example'],
    ['a query', 'https://kms.example?region=x'],
    ['a fragment', 'https://kms.example#x'],
    ['another scheme', 'ftp://127.0.0.1'],
    ['a file', 'file:///etc/passwd'],
    ['no scheme', 'kms.us-east-1.amazonaws.com'],
    ['a port for a scheme', '127.0.0.1:4566'],
    ['a host without its scheme', '//127.0.0.1'],
    ['no host', 'https://'],
    ['nothing', ''],
    ['this machine and more behind it', 'http://127.0.0.1.evil.example'],
    ['localhost and more behind it', 'http://localhost.evil.example'],
    ['localhost with a dot behind it', 'http://localhost.'],
    ['this machine with a dot behind it', 'http://127.0.0.1.'],
    ['this machine as one number', 'http://2130706433'],
    ['this machine in hexadecimal', 'http://0x7f000001'],
    ['this machine in octal', 'http://0177.0.0.1'],
    ['this machine cut short', 'http://127.1'],
    ['this machine in wide digits', 'http://\uff11\uff12\uff17.0.0.1'],
    ['an address of this machine with a zone', 'http://[fe80::1%25eth0]'],
    ['an IPv6 address written out', 'http://[0:0:0:0:0:0:0:1]'],
    ['the unspecified IPv6 address', 'http://[::]'],
    ['a host beyond ASCII', 'https://kms.\u0435xample'],
    ['a dot beyond ASCII', 'https://kms\u3002example'],
    ['a percent-encoded host', 'https://%6bms.example'],
    ['a host in capitals', 'https://KMS.example'],
    ['a backslash for a slash', 'https:\\\\kms.example'],
    ['a backslash before an at sign', 'https://kms.example\\@evil.example'],
    ['no slashes', 'https:kms.example'],
    ['three slashes', 'https:///kms.example'],
    ['a line feed within', 'https://kms.\nexample'],
    ['a tab within', 'https://kms.\texample'],
    ['a space before it', ' https://kms.example'],
    ['a port beyond all', 'https://kms.example:65536'],
    ['an empty port', 'https://kms.example:'],
    ['an empty label', 'https://kms..example'],
    ['an address that is none', 'https://300.0.0.1'],
    ['a script', 'javascript:alert(1)'],
    ['data', 'data:text/plain,x'],
    ['a socket', 'unix:///run/kms.sock'],
    ['metadata of the machine in plain HTTP', 'http://169.254.169.254'],
  ])('may not be %s', (_, endpoint) => {
    expect(found(withEndpoint(endpoint))).toEqual([
      ['regions[0].endpoint', JSON.stringify(endpoint.replace('password', '[redacted]')), endpointRule],
    ]);
    const dynamo = `[store]\nkind = "dynamodb"\ntable = "t"\nregion = "a"\nendpoint = ${JSON.stringify(endpoint)}\n`;
    expect(problemsIn(`${top}${dynamo}${region('a')}`).map(({ path }) => path)).toEqual(['store.endpoint']);
  });
});

describe('the environment', () => {
  it('sets single values, over those of the file and over defaults', () => {
    const environment = {
      RKMS_DEPLOYMENT: '42',
      RKMS_DATA_DIR: '/srv/rkms',
      RKMS_SERVER_PORT: '0',
      RKMS_SERVER_HOST: '::1',
      RKMS_STORE_TIMEOUT_MS: '50',
      RKMS_KEYS_LENGTH_BYTES: '64',
      RKMS_KEYS_QUORUM: '1',
      RKMS_KMS_ATTEMPT_TIMEOUT_MS: '100',
      RKMS_AUTH_TOKENS_FILE: '/run/tokens.json',
      RKMS_LOG_LEVEL: 'debug',
      HOME: '/root',
    };
    expect(parseConfig(`${smallest}[server]\nport = 9\nrequest_timeout_ms = 500`, environment)).toMatchObject(
      {
        value: {
          deployment: '42',
          data_dir: '/srv/rkms',
          server: { host: '::1', port: 0, request_timeout_ms: 500 },
          store: { kind: 'sqlite', path: '/srv/rkms/rkms.sqlite', timeout_ms: 50 },
          keys: { length_bytes: 64, quorum: 1 },
          kms: { attempt_timeout_ms: 100 },
          auth: { tokens_file: '/run/tokens.json' },
          audit: { file: '/srv/rkms/audit.jsonl' },
          log: { level: 'debug' },
        },
      },
    );
  });

  it.each(['abc', '', '-1', '0x50', '80 ', '1e3', '99999'])(
    'that brings no port where one is expected is named in the problem: "%s"',
    (text) => {
      const shown = text === '99999' ? text : JSON.stringify(text);
      expect(found(smallest, { RKMS_SERVER_PORT: text })).toEqual([
        ['server.port', `${shown} in RKMS_SERVER_PORT`, 'a whole number from 0 to 65535'],
      ]);
    },
  );

  it('that sets an option of another kind of store is named in the problem', () => {
    expect(found(smallest, { RKMS_STORE_TABLE: 't' })).toEqual([
      ['store.table', 'an unknown key in RKMS_STORE_TABLE', oneOf('kind', 'path', 'timeout_ms')],
    ]);
  });

  it.each(['7', '"text"', '[1]'])('does not hide that a section is no table: %s', (value) => {
    const [problem, ...others] = problemsIn(`server = ${value}\n${smallest}`, { RKMS_SERVER_PORT: '9' });
    expect([problem?.path, problem?.expected, others]).toEqual(['server', 'a table', []]);
  });

  it('can fill a section that the file does not have', () => {
    expect(problemsIn(`${top}${region('a')}`, { RKMS_STORE_KIND: 'sqlite' })).toEqual([]);
  });

  it('of other programs is not looked at, and what begins with RKMS_ but names no option is pointed out', () => {
    const environment = {
      PATH: '/bin',
      RKMS_CONFIG: 'rkms.toml',
      RKMS_SERVER_PORT: '1',
      RKMS_SERVER_PROT: '1',
      RKMS_REGIONS: 'a',
      RKMS_PORT_8080_TCP_ADDRESS_OF_SOMETHING_ELSE: '1',
      rkms_server_port: '1',
    };
    expect(unknownVariables(environment)).toEqual([
      'RKMS_SERVER_PROT (did you mean RKMS_SERVER_PORT?)',
      'RKMS_REGIONS',
      'RKMS_PORT_8080_TCP_ADDRESS_OF_SOMETHING_ELSE',
    ]);
  });
});

describe('a store in DynamoDB', () => {
  const dynamo = (lines: string, ...names: readonly string[]): string =>
    [
      `${top}[store]\nkind = "dynamodb"\ntable = "t"\n${lines}`,
      ...names.map((name) => `[[store.regions]]\nname = "${name}"`),
      region('us-east-1'),
    ].join('\n');
  const strongRule =
    'two or three [[store.regions]] tables: a table with multi-Region strong consistency has three replicas, or two and a witness';
  const homeRule = 'two or more [[store.regions]] tables, one of them the home';

  it.each([
    ['region = "a"', [], { mode: { kind: 'single' }, regions: [{ name: 'a' }] }, 'a'],
    ['mode = "single"\nregion = "a"', [], { mode: { kind: 'single' }, regions: [{ name: 'a' }] }, 'a'],
    [
      'mode = "strong"',
      ['b', 'a', 'c'],
      { mode: { kind: 'strong' }, regions: [{ name: 'b' }, { name: 'a' }, { name: 'c' }] },
      'anywhere',
    ],
    [
      'mode = "strong"',
      ['a', 'b'],
      { mode: { kind: 'strong' }, regions: [{ name: 'a' }, { name: 'b' }] },
      'anywhere',
    ],
    [
      'mode = "home"\nhome = "b"',
      ['a', 'b'],
      { mode: { kind: 'home', home: 'b' }, regions: [{ name: 'a' }, { name: 'b' }] },
      'b',
    ],
  ])('may be %j with the regions %j', (lines, names, expected, writes) => {
    const config = parseConfig(dynamo(lines, ...names)).map(({ store: checked }) => checked);
    expect(config).toMatchObject({ value: { kind: 'dynamodb', table: 't', timeout_ms: 1_000, ...expected } });
    expect(config.map(writesOf)).toMatchObject({ value: writes });
  });

  it('keeps the endpoint of each of its regions', () => {
    const endpoints = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];
    const tables = endpoints
      .map((url, at) => `[[store.regions]]\nname = "r-${at}"\nendpoint = "${url}"`)
      .join('\n');
    expect(parseConfig(dynamo(`mode = "strong"\n${tables}`))).toMatchObject({
      value: { store: { regions: endpoints.map((url) => ({ endpoint: url })) } },
    });
  });

  it.each<readonly [string, readonly string[], readonly (readonly [string, string, string])[]]>([
    ['', [], [['store.region', 'nothing', `the region of the table: ${regionRule}`]]],
    [
      'mode = "several"\nregion = "a"',
      [],
      [['store.mode', '"several"', 'one of "single", "strong", "home"']],
    ],
    [
      'region = "a"\nhome = "a"',
      ['a', 'b'],
      [
        ['store.home', '"a"', 'none with mode = "single"; "strong" and "home" have several regions'],
        ['store.regions', '2 of them', 'none with mode = "single"; "strong" and "home" have several regions'],
      ],
    ],
    [
      'mode = "strong"\nregion = "a"\nendpoint = "https://x"\nhome = "a"',
      [],
      [
        ['store.region', '"a"', 'none with mode = "strong", but [[store.regions]] tables'],
        ['store.endpoint', '"https://x"', 'none with mode = "strong", but [[store.regions]] tables'],
        ['store.home', '"a"', 'none with mode = "strong": every region may be written'],
        ['store.regions', 'nothing', strongRule],
      ],
    ],
    ['mode = "strong"', ['a'], [['store.regions', '1 of them', strongRule]]],
    ['mode = "strong"', ['a', 'b', 'c', 'd'], [['store.regions', '4 of them', strongRule]]],
    ['mode = "strong"', ['a', 'a'], [['store.regions[1].name', '"a" a second time', 'each region once']]],
    [
      'mode = "strong"\nregions = 7',
      [],
      [['store.regions', '7', '[[store.regions]] tables with a name each']],
    ],
    [
      'mode = "strong"\nregions = [7, 8]',
      [],
      [
        ['store.regions[0]', '7', 'a table with a name'],
        ['store.regions[1]', '8', 'a table with a name'],
      ],
    ],
    [
      'mode = "home"\nregion = "a"',
      [],
      [
        ['store.region', '"a"', 'none with mode = "home", but [[store.regions]] tables'],
        ['store.regions', 'nothing', homeRule],
        ['store.home', 'nothing', 'one of the [[store.regions]]'],
      ],
    ],
    ['mode = "home"', ['a', 'b'], [['store.home', 'nothing', 'one of the [[store.regions]]: a, b']]],
    ['mode = "home"\nhome = "c"', ['a', 'b'], [['store.home', '"c"', 'one of the [[store.regions]]: a, b']]],
    ['mode = "home"\nhome = "a"', ['a'], [['store.regions', '1 of them', homeRule]]],
  ])('is refused with %j and the regions %j, with all that is wrong at once', (lines, names, problems) => {
    expect(found(dynamo(lines, ...names))).toEqual(problems);
  });

  it('knows the keys of its regions, and says which one was meant', () => {
    const tables = '[[store.regions]]\nname = "a"\nendpiont = "https://x"\n[[store.regions]]\nname = "b"';
    expect(found(dynamo(`mode = "strong"\n${tables}`))).toEqual([
      ['store.regions[0].endpiont', unknownKey, '"endpoint"?'],
    ]);
  });

  it('takes its mode from the environment, but not its list of regions', () => {
    const lines = dynamo('mode = "single"', 'a', 'b');
    expect(problemsIn(lines, { RKMS_STORE_MODE: 'strong' })).toEqual([]);
    expect(unknownVariables({ RKMS_STORE_REGIONS: 'a' })).toEqual([
      'RKMS_STORE_REGIONS (did you mean RKMS_STORE_REGION?)',
    ]);
  });

  it('that is SQLite has one place only', () => {
    expect(parseConfig(smallest).map(({ store: checked }) => writesOf(checked))).toMatchObject({
      value: undefined,
    });
  });
});

describe('TLS in the configuration', () => {
  const tls = '[tls]\ncert_file = "c"\nkey_file = "k"\n';
  const modes = (toml: string): unknown =>
    parseConfig(toml).map(({ server, operations }) => [server.tls, operations.tls]);
  const orElsewhere = (name: string): string =>
    `[tls] with cert_file and key_file, or ${name}.tls = "terminated-elsewhere" where something in front speaks TLS`;
  const orHere = (name: string): string =>
    `127.0.0.1, because keys would travel unencrypted; or ${orElsewhere(name)}`;

  it.each([
    ['nothing', smallest, ['off', 'off']],
    ['a certificate', `${smallest}${tls}`, ['on', 'on']],
    ['a certificate, not for operators', `${smallest}${tls}[operations]\ntls = "off"\n`, ['on', 'off']],
    [
      'TLS elsewhere',
      `${smallest}[server]\nhost = "0.0.0.0"\ntls = "terminated-elsewhere"\n`,
      ['terminated-elsewhere', 'off'],
    ],
    ['a certificate for all addresses', `${smallest}${tls}[server]\nhost = "::"\n`, ['on', 'on']],
  ])('%s makes the listeners speak it as follows', (_, toml, expected) => {
    expect(modes(toml)).toMatchObject({ value: expected });
  });

  it.each([
    ['0.0.0.0', ''],
    ['::', ''],
    ['10.0.0.1', 'tls = "off"\n'],
    ['keys.example.com', ''],
    ['127.0.0.1.example.com', ''],
  ])('a listener on %s without it is refused', (host, mode) => {
    for (const name of ['server', 'operations']) {
      expect(found(`${smallest}[${name}]\nhost = "${host}"\n${mode}`)).toEqual([
        [`${name}.host`, `"${host}"`, orHere(name)],
      ]);
    }
  });

  it('that is "off" on purpose is refused for other machines also where there is a certificate', () => {
    expect(found(`${smallest}${tls}[server]\nhost = "0.0.0.0"\ntls = "off"\n`)).toEqual([
      ['server.host', '"0.0.0.0"', orHere('server')],
    ]);
  });

  it('names the variable that opened the listener to others', () => {
    expect(found(smallest, { RKMS_SERVER_HOST: '0.0.0.0' })).toEqual([
      ['server.host', '"0.0.0.0" in RKMS_SERVER_HOST', orHere('server')],
    ]);
    expect(found(smallest, { RKMS_SERVER_HOST: '0.0.0.0', RKMS_SERVER_TLS: 'terminated-elsewhere' })).toEqual(
      [],
    );
    expect(
      found(smallest, { RKMS_SERVER_HOST: '0.0.0.0', RKMS_TLS_CERT_FILE: 'c', RKMS_TLS_KEY_FILE: 'k' }),
    ).toEqual([]);
  });

  it.each([
    [
      '"on" without a certificate',
      '[server]\ntls = "on"\n',
      'server.tls',
      '"on" without a [tls] table',
      orElsewhere('server'),
    ],
    [
      'an unknown mode',
      '[server]\ntls = "yes"\n',
      'server.tls',
      '"yes"',
      '"on", "off", "terminated-elsewhere"',
    ],
    ['no key', '[tls]\ncert_file = "c"\n', 'tls.key_file', 'nothing', 'the path of a file'],
    ['TLS 1.1', `${tls}min_version = "1.1"\n`, 'tls.min_version', '"1.1"', '"1.3", "1.2"'],
    [
      'a list of the revoked without an authority',
      `${tls}revoked_file = "r"\n`,
      'tls.revoked_file',
      'no authority to check it by',
      'tls.client_ca_file, which signs the certificates of callers',
    ],
  ])('%s is refused', (_, rest, path, what, expected) => {
    const allowed = expected.startsWith('"') ? `one of ${expected}` : expected;
    expect(found(`${smallest}${rest}`)).toEqual([[path, what, allowed]]);
  });
});

describe('callers that are recognised by what others issue', () => {
  const tls = '[tls]\ncert_file = "c"\nkey_file = "k"\nclient_ca_file = "a"\n';
  const iss = 'https://issuer.example';
  const kube = 'https://kubernetes.default.svc';
  const issuer = (name = iss, rest = 'jwks_uri = "https://issuer.example/jwks"'): string =>
    `[[issuers]]\nissuer = "${name}"\naudience = "rkms"\nalgorithms = ["RS256"]\n${rest}\n`;
  const kubernetes = issuer(kube, 'jwks_file = "j"\nkubernetes = true');
  const caller = (rest: string, name = 'billing'): string =>
    `[[callers]]\nname = "${name}"\nallow = ["read"]\nids = ["**"]\n${rest}\n`;
  const checked = (toml: string): unknown => found(`${smallest}${toml}`);
  const nameRule =
    '"uri:" and a URI, as "uri:spiffe://prod/billing", or "dns:" and a host name in lower case without "*"';

  it('are those of certificates, subjects and service accounts', () => {
    const toml =
      caller(
        `certificates = ["uri:spiffe://prod/billing", "dns:billing.internal"]
        subjects = [{ issuer = "${iss}", subject = "repo:acme/billing:ref:refs/heads/main" }]
        service_accounts = [{ issuer = "${kube}", namespace = "prod", name = "billing", uid = "u" }]`,
      ) +
      tls +
      issuer() +
      kubernetes;
    const config = parseConfig(`${smallest}${toml}`)._unsafeUnwrap();
    expect([...certificateNames(config.callers)]).toEqual([
      ['uri:spiffe://prod/billing', 'billing'],
      ['dns:billing.internal', 'billing'],
    ]);
    expect(jwtSubjects(config.callers)).toEqual([
      { caller: 'billing', issuer: iss, subject: 'repo:acme/billing:ref:refs/heads/main' },
      { caller: 'billing', issuer: kube, namespace: 'prod', account: 'billing', uid: 'u' },
    ]);
    expect(config.issuers).toMatchObject([
      { issuer: iss, kubernetes: false, max_lifetime_s: 86_400, last_good_s: 259_200 },
      { issuer: kube, kubernetes: true },
    ]);
  });

  it.each([
    'spiffe://prod/billing',
    'billing.internal',
    'dns:*.internal',
    'dns:Billing.internal',
    'dns:billing.internal.',
    'dns:a..b',
    'dns:',
    'uri:',
    'uri:billing',
    'uri:spiffe://prod/ billing',
    'uri:spiffe://prod/"billing"',
    'cn:billing',
    'URI:spiffe://prod/billing',
  ])('have no certificate with the name %j', (name) => {
    expect(checked(caller(`certificates = [${JSON.stringify(name)}]`) + tls)).toEqual([
      ['callers[0].certificates[0]', JSON.stringify(name), nameRule],
    ]);
  });

  it('have certificates only where an authority signs them', () => {
    const named = caller('certificates = ["dns:a"]');
    expect(checked(named)).toEqual([
      [
        'callers[0].certificates',
        'no authority to check it by',
        'tls.client_ca_file, which signs the certificates of callers',
      ],
    ]);
  });

  it.each([
    ['a name in certificates', 'certificates = ["dns:a"]', 'certificates[0]'],
    ['a subject', `subjects = [{ issuer = "${iss}", subject = "s" }]`, 'subjects[0]'],
    [
      'a service account, whatever its uid',
      `service_accounts = [{ issuer = "${kube}", namespace = "n", name = "a" }]`,
      'service_accounts[0]',
    ],
  ])('do not share %s', (_, identity, path) => {
    const second = identity.replace('name = "a"', 'name = "a", uid = "u"');
    const toml = caller(identity) + caller(second, 'reports') + tls + issuer() + kubernetes;
    expect(checked(toml)).toEqual([
      [`callers[1].${path}`, 'what stands for a caller already', 'each of them once'],
    ]);
  });

  it('are of issuers that are configured, and of the right sort', () => {
    const at = (name: string): string => `issuer = "${name}"`;
    const toml = caller(
      `subjects = [{ ${at('x')}, subject = "s" }, { ${at(kube)}, subject = "s" }]
      service_accounts = [{ ${at(iss)}, namespace = "n", name = "a" }]`,
    );
    const sort = (text: string): string => `the issuer of an [[issuers]] table ${text} kubernetes = true`;
    expect(checked(toml + issuer() + kubernetes)).toEqual([
      ['callers[0].subjects[0].issuer', '"x"', sort('without')],
      ['callers[0].subjects[1].issuer', JSON.stringify(kube), sort('without')],
      ['callers[0].service_accounts[0].issuer', JSON.stringify(iss), sort('with')],
    ]);
  });

  const uriRule = 'an https:// URL, or an http:// URL of this machine, without credentials';
  it.each([
    [
      'two places for keys',
      'jwks_uri = "https://a"\njwks_file = "j"',
      'jwks_uri',
      '"https://a"',
      'either jwks_uri or jwks_file',
    ],
    ['no place for keys', '', 'jwks_uri', 'nothing', 'either jwks_uri or jwks_file'],
    ...[
      'http://issuer.example/jwks',
      'http://127.0.0.1.example.com',
      'ftp://a',
      'issuer.example',
      'https://a:b@c',
      'https://a#b',
    ].map((uri) => {
      const shown = JSON.stringify(uri.replace(':b@', ':[redacted]@'));
      return ['keys from', `jwks_uri = "${uri}"`, 'jwks_uri', shown, uriRule] as const;
    }),
    [
      'no time to live',
      'jwks_file = "j"\nmax_lifetime_s = 0',
      'max_lifetime_s',
      '0',
      'a whole number of seconds from 60 to 31536000',
    ],
    ['text for truth', 'jwks_file = "j"\nkubernetes = "yes"', 'kubernetes', '"yes"', 'true or false'],
  ])('have no issuer with %s: %s', (_, rest, path, what, expected) => {
    expect(checked(issuer(iss, rest))).toEqual([[`issuers[0].${path}`, what, expected]]);
  });

  it.each(['HS256', 'none', 'RS1', 'ES256K', 'rs256', ''])('have no issuer that signs by %j', (alg) => {
    const toml = issuer().replace('RS256', alg);
    expect(checked(toml)).toEqual([
      ['issuers[0].algorithms[0]', JSON.stringify(alg), expect.stringMatching(/^one of "RS256", /)],
    ]);
    expect(checked(issuer().replace('["RS256"]', '[]'))).toMatchObject([
      ['issuers[0].algorithms', '[]', expect.any(String)],
    ]);
  });

  it('have each issuer once', () => {
    expect(checked(issuer() + issuer())).toEqual([
      ['issuers[1].issuer', `"${iss}" a second time`, 'each issuer once'],
    ]);
  });
});
