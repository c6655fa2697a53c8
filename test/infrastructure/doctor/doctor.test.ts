// The doctor over a deployment on this machine, with real files: each thing that he reports at is broken once, and he names it
// and what to do, and nothing else. Whatever he does, no file is changed.
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditFile } from '../../../src/adapters/audit-file/audit-file.js';
import { LastGoodFile } from '../../../src/adapters/jwt/last-good-file.js';
import { createMasterKey } from '../../../src/adapters/local-kms/master-keys.js';
import { openDatabase } from '../../../src/adapters/sqlite/open-database.js';
import { SqliteKeyRepository } from '../../../src/adapters/sqlite/sqlite-key-repository.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { everyId } from '../../../src/domain/access/id-pattern.js';
import type { CallerId, Deployment, Region } from '../../../src/domain/ids.js';
import {
  jsonReport,
  reportStyle,
  textReport,
} from '../../../src/infrastructure/cli/commands/doctor-report.js';
import { parseConfig } from '../../../src/infrastructure/config/config.js';
import { diagnose } from '../../../src/infrastructure/doctor/diagnose.js';
import { worstOf, type Finding } from '../../../src/infrastructure/checks/finding.js';
import { thisMachine, type Machine } from '../../../src/infrastructure/doctor/machine.js';
import { storeNewToken } from '../../../src/infrastructure/startup/first-token.js';
import { Authority, selfSigned } from '../../support/certificates.js';
import { examine, foundOf, gib, illOf, machine, type Ill } from '../../support/doctor-lab.js';
import { keys, keySetText, publicJwk } from '../../support/jwt-lab.js';
import { Leftovers } from '../../support/leftovers.js';
import { embeddedConfig } from '../../support/served-process.js';

const leftovers = new Leftovers();
const dayMs = 86_400_000;
const names = ['us-east-1', 'us-east-2', 'us-west-2'] as const;

let folder: string;
let data: string;
let config: string;
beforeEach(async () => {
  folder = leftovers.folder();
  data = join(folder, 'data');
  config = embeddedConfig(data);
  mkdirSync(data, { mode: 0o700 });
  initialise('embedded');
  for (const name of names) createMasterKey(join(data, 'master-keys'), name as Region);
  makeToken(80);
  const audit = AuditFile.open(join(data, 'audit.jsonl'), systemClock, { flush: 'os', maxBytes: 2 ** 20 });
  await audit.close();
});
afterEach(() => leftovers.clear());

function database<T>(act: (open: DatabaseSync) => T): T {
  const open = openDatabase(join(data, 'rkms.sqlite'));
  try {
    return act(open);
  } finally {
    open.close();
  }
}

function initialise(deployment: string): void {
  database((open) => {
    void new SqliteKeyRepository(open).initialise(
      { deployment: deployment as Deployment, createdAtMs: 1 },
      new AbortController().signal,
    );
  });
}

function makeToken(days: number): void {
  const parsed = parseConfig(config);
  if (parsed.isErr()) throw new Error('the configuration of this test is wrong');
  const nowMs = Date.now();
  const wanted = { caller: 'app' as CallerId, allow: ['read'] as const, ids: [everyId], nowMs };
  storeNewToken(parsed.value, { ...wanted, expiresMs: nowMs + days * dayMs });
}

/** :: file -> its mode, time of change and content */
const state = (): unknown =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !path.endsWith('rkms.toml') && path !== data)
    .sort()
    .map((path) => {
      const { mode, mtimeMs, size } = statSync(path);
      const content = statSync(path).isFile()
        ? createHash('sha256').update(readFileSync(path)).digest('hex')
        : '';
      return [path, mode, statSync(path).isFile() ? mtimeMs : 0, size, content];
    });

async function look(different: Partial<Machine> = {}, more = ''): Promise<readonly Finding[]> {
  const before = state();
  const findings = await examine(folder, config + more, { on: machine(different) });
  expect(state()).toEqual(before);
  return findings;
}

async function expectIll(
  expected: readonly Ill[],
  different: Partial<Machine> = {},
  more = '',
): Promise<void> {
  expect(illOf(await look(different, more), expected)).toEqual(expected);
}

describe('a deployment', () => {
  it('without any fault reports no finding', async () => {
    const findings = await look();
    expect([illOf(findings), worstOf(findings)]).toEqual([[], 'ok']);
  });

  it('that was never started is well, and nothing is made', async () => {
    rmSync(data, { recursive: true });
    const findings = await look();
    expect([illOf(findings), worstOf(findings), readdirSync(folder)]).toEqual([[], 'ok', ['rkms.toml']]);
  });

  it('that runs is looked at beside it', async () => {
    const running = openDatabase(join(data, 'rkms.sqlite'));
    running.exec('BEGIN IMMEDIATE');
    const audit = AuditFile.open(join(data, 'audit.jsonl'), systemClock, { flush: 'os', maxBytes: 2 ** 20 });
    const findings = await examine(folder, config);
    await audit.close();
    running.close();
    expect(illOf(findings)).toEqual([]);
  });
});

describe('the program', () => {
  it('names an old Node', () =>
    expectIll([['broken', 'Node', 'version', '20.19.1 is too old', 'install Node 22.13']], {
      nodeVersion: '20.19.1',
    }));

  it('names what could leak keys, and then makes no call', async () => {
    const expected: readonly Ill[] = [
      [
        'broken',
        'environment',
        'dangers',
        'NODE_DEBUG prints requests',
        'allow_environment = ["NODE_DEBUG"]',
      ],
    ];
    const findings = await look({ environment: { NODE_DEBUG: 'http' } });
    expect(illOf(findings, expected)).toEqual(expected);
    expect(foundOf(findings, 'regions', 'all')).toContain('not checked');
  });

  it('names variables that were meant for it', () =>
    expectIll([['warning', 'environment', 'variables', 'RKMS_SERVER_PROT', 'correct its name']], {
      environment: { RKMS_SERVER_PROT: '1' },
    }));

  it('names each option that is refused, with its line', async () => {
    const more = '\n[server]\nprot = 1\n\n[keys]\nlength_bytes = 33\n';
    const line = (text: string): number => (config + more).split('\n').indexOf(text) + 1;
    await expectIll(
      [
        ['broken', 'configuration', 'server.prot', `rkms.toml, line ${line('prot = 1')})`, 'write "port"?'],
        [
          'broken',
          'configuration',
          'keys.length_bytes',
          `rkms.toml, line ${line('length_bytes = 33')})`,
          'write one of 16, 32, 64',
        ],
      ],
      {},
      more,
    );
  });

  it('names the place of what is no TOML', async () => {
    const line = config.split('\n').length + 1;
    await expectIll(
      [['broken', 'configuration', `line ${line}, column 1`, 'found', 'write TOML 1.0']],
      {},
      '\n= 3\n',
    );
  });

  it('names a file that is not there', async () => {
    const options = { config: join(folder, 'none.toml'), limitMs: 1_000, readsOnly: false };
    const expected: readonly Ill[] = [
      ['broken', 'configuration', 'file', 'cannot be read (ENOENT)', 'name it with --config'],
    ];
    expect(illOf(await diagnose(options, machine()), expected)).toEqual(expected);
  });
});

describe('the disk', () => {
  it.each([
    ['warning', 0.5 * gib, '512 MiB free'],
    ['broken', 0.01 * gib, '10 MiB free'],
  ] as const)('is a %s at %d bytes', (severity, free, found) =>
    expectIll([[severity, 'data folder', 'space', found, 'free space']], {
      freeBytes: () => Promise.resolve(free),
    }),
  );

  it('that is slow is a warning', () =>
    expectIll([['warning', 'data folder', 'flush', 'in 400 ms', 'a faster disk']], {
      flushMs: () => Promise.resolve(400),
    }));

  it('that takes nothing is broken', () =>
    expectIll([['broken', 'data folder', 'flush', '(ENOSPC)', 'check the disk']], {
      flushMs: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOSPC' })),
    }));

  it('gets a write of this machine, of which nothing stays', async () => {
    const [tookMs, free] = await Promise.all([thisMachine().flushMs(data), thisMachine().freeBytes(data)]);
    expect([tookMs > 0, free > 0, readdirSync(data).filter((name) => name.startsWith('.'))]).toEqual([
      true,
      true,
      [],
    ]);
    await expect(thisMachine().flushMs(join(data, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('with a folder that others may enter is broken', async () => {
    chmodSync(data, 0o755);
    await expectIll([
      ['broken', 'data folder', 'folder', 'open to other users (mode 0755)', `chmod 700 '${data}'`],
    ]);
  });

  it('of another user is a warning, because nothing of permissions is known then', () =>
    expectIll(
      [['warning', 'data folder', 'folder', 'belongs to another user', 'as the user that runs RKMS']],
      {
        uid: statSync(data).uid + 1,
      },
    ));
});

describe('the audit log', () => {
  const path = (): string => join(data, 'audit.jsonl');

  it('that was edited is named with its line', async () => {
    writeFileSync(path(), readFileSync(path(), 'utf8').replace('"audit.open"', '"audit.oqen"'));
    await expectIll([['broken', 'audit log', 'chain', 'at line 2: edited', 'rkms audit verify']]);
  });

  it('that is none is named', async () => {
    writeFileSync(path(), 'Dear diary,\n');
    await expectIll([['broken', 'audit log', 'chain', 'does not end like an audit log', 'move it away']]);
  });

  it('elsewhere has its folder looked at, too', async () => {
    mkdirSync(join(folder, 'logs'), { mode: 0o755 });
    await expectIll(
      [['broken', 'audit log', 'folder', 'open to other users', 'chmod 700']],
      {},
      `\n[audit]\nfile = "${join(folder, 'logs', 'audit.jsonl')}"\n`,
    );
  });
});

describe('the embedded store', () => {
  const path = (): string => join(data, 'rkms.sqlite');

  it('that is no database is named', async () => {
    writeFileSync(path(), 'x'.repeat(4_096));
    await expectIll([['broken', 'store', 'file', 'cannot be opened', 'restore it from a backup']]);
  });

  it('of another program is named', async () => {
    rmSync(path());
    const other = new DatabaseSync(path());
    other.exec('CREATE TABLE cats (name TEXT)');
    other.close();
    await expectIll([['broken', 'store', 'file', 'is not an RKMS store', 'name another file']]);
  });

  it('of a newer RKMS is named', async () => {
    database((open) => {
      open.exec('PRAGMA user_version = 99');
    });
    await expectIll([['broken', 'store', 'file', 'made by a newer RKMS', 'run the newer RKMS']]);
  });

  it('of another deployment is named', async () => {
    rmSync(path());
    initialise('other');
    await expectIll([
      [
        'broken',
        'store',
        'genesis',
        'belongs to the deployment "other"',
        'correct [store] or deployment in the configuration',
      ],
    ]);
  });

  it('that is lost while the master keys are there is named', async () => {
    rmSync(path());
    await expectIll([
      ['broken', 'store', 'genesis', 'it was lost, emptied or replaced', 'restore the store'],
    ]);
  });

  it('without WAL is a warning', async () => {
    database((open) => {
      open.exec('PRAGMA journal_mode = DELETE');
    });
    await expectIll([['warning', 'store', 'journal', 'not WAL', 'start the service']]);
  });

  it('whose records need a master key that is gone says which', async () => {
    database((open) => {
      const ciphertexts = JSON.stringify([
        { region: 'us-east-2', kmsKey: 'local:us-east-2:00', bytes: 'AAAA' },
      ]);
      open
        .prepare(
          `INSERT INTO keys (id, version, format, commitment, created_at_ms, revision, ciphertexts) VALUES ('a', 1, 1, ?, 1, 1, ?)`,
        )
        .run('A'.repeat(43), ciphertexts);
    });
    rmSync(join(data, 'master-keys', 'us-east-2.key'));
    await expectIll([
      ['broken', 'store', 'master keys', 'us-east-2.key is missing', 'restore it from a backup'],
    ]);
  });
});

describe('a master key', () => {
  const path = (): string => join(data, 'master-keys', 'us-east-1.key');

  it('that is damaged is named', async () => {
    writeFileSync(path(), Buffer.alloc(48));
    await expectIll([['broken', 'region us-east-1', 'master key', 'is damaged', 'restore it from a backup']]);
  });

  it('that others may read is named', async () => {
    chmodSync(path(), 0o644);
    await expectIll([
      ['broken', 'region us-east-1', 'master key', 'open to other users (mode 0644)', 'chmod 600'],
    ]);
  });
});

describe('the tokens', () => {
  const path = (): string => join(data, 'tokens.json');

  it('that others may read are named', async () => {
    chmodSync(path(), 0o644);
    await expectIll([
      ['broken', 'callers', 'tokens', 'open to other users (mode 0644)', `chmod 600 '${path()}'`],
    ]);
  });

  it('in a broken file are named', async () => {
    writeFileSync(path(), '{');
    await expectIll([['broken', 'callers', 'tokens', 'is not valid', 'restore it']]);
  });

  it('that are missing are named', async () => {
    rmSync(path());
    await expectIll([['broken', 'callers', 'tokens', 'there is no token file', 'rkms token create']]);
  });

  it('of which none is live any more are named', () =>
    expectIll([['broken', 'callers', 'tokens', 'none of the 1', 'rkms token create']], {
      nowMs: () => Date.now() + 81 * dayMs,
    }));

  it('of a caller whose last one ends soon are a warning', () =>
    expectIll(
      [['warning', 'callers', 'tokens', 'the last token of "app" expires in 10 days', '--caller app']],
      {
        nowMs: () => Date.now() + 70 * dayMs,
      },
    ));
});

describe('TLS', () => {
  const root = new Authority('servers');
  const server = root.server();

  function tls(cert: string, key: string, mode = 0o600): string {
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key, { mode });
    chmodSync(join(folder, 'key.pem'), mode);
    return `\n[tls]\ncert_file = "${join(folder, 'cert.pem')}"\nkey_file = "${join(folder, 'key.pem')}"\n`;
  }

  it('that can be spoken is well', () => expectIll([], {}, tls(server.cert, server.key)));

  it('with the key of another certificate is named', () =>
    expectIll(
      [
        [
          'broken',
          'TLS',
          'files',
          'does not belong to the first certificate',
          'put the certificate of that key first',
        ],
      ],
      {},
      tls(server.cert, root.server().key),
    ));

  it('with a key that others may read is named', () =>
    expectIll(
      [['broken', 'TLS', 'files', 'open to other users (mode 0644)', 'chmod 600']],
      {},
      tls(server.cert, server.key, 0o644),
    ));

  it('without its files is named', () => {
    const lines = tls(server.cert, server.key);
    rmSync(join(folder, 'cert.pem'));
    return expectIll([['broken', 'TLS', 'files', 'there is no file', 'correct its name']], {}, lines);
  });

  it.each([
    ['broken', -1, 'expired on'],
    ['warning', 9.5, 'expires in 10 days'],
  ] as const)('with a certificate is %s after %d days', (severity, days, found) => {
    const { cert, key } = selfSigned({
      dns: ['localhost'],
      notAfter: new Date(Date.now() + days * dayMs),
      notBefore: new Date(0),
    });
    return expectIll([[severity, 'TLS', 'expiry', found, 'no restart is needed']], {}, tls(cert, key));
  });
});

describe('an issuer', () => {
  const name = 'https://issuer.example';
  const subject = `issuer ${name}`;
  const lines = (from: string, algorithm = 'RS256'): string =>
    `\n[[issuers]]\nissuer = "${name}"\naudience = "rkms"\nalgorithms = ["${algorithm}"]\n${from}\n`;
  const file = (text: string): string => {
    writeFileSync(join(folder, 'jwks.json'), text);
    return `jwks_file = "${join(folder, 'jwks.json')}"`;
  };
  const goodSet = keySetText(publicJwk(keys.rsa, { kid: 'one' }));
  const closed = 'jwks_uri = "http://127.0.0.1:1/jwks"';
  const keepCopy = (): void => {
    new LastGoodFile(data, name, () => undefined).save({ readMs: Date.now(), text: goodSet });
  };

  it('with a key for its algorithms is well', () => expectIll([], {}, lines(file(goodSet))));

  it('that answers over HTTP is well', async () => {
    const issuer = createServer((_, response) => response.end(goodSet));
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    leftovers.add(() => {
      issuer.close();
    });
    await expectIll(
      [],
      {},
      lines(`jwks_uri = "http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks"`),
    );
  });

  it('without one is named', () =>
    expectIll(
      [['broken', subject, 'keys', 'none of the 1 keys', 'correct algorithms']],
      {},
      lines(file(goodSet), 'ES256'),
    ));

  it('whose set is none is named', () =>
    expectIll([['broken', subject, 'keys', 'not a JWKS', 'jwks_file']], {}, lines(file('{}'))));

  it('that cannot be reached is named', () =>
    expectIll(
      [['broken', subject, 'keys', '(ECONNREFUSED): its tokens are refused', 'can be reached']],
      {},
      lines(closed),
    ));

  it('that cannot be reached is a warning while the last good keys serve', () => {
    keepCopy();
    return expectIll(
      [['warning', subject, 'keys', 'the last keys stay valid until', 'can be reached']],
      {},
      lines(closed),
    );
  });

  it('whose last good copy others may read is named', () => {
    keepCopy();
    const [copy = ''] = readdirSync(data).filter((each) => each.startsWith('issuer-'));
    chmodSync(join(data, copy), 0o644);
    return expectIll(
      [
        ['warning', subject, 'last good copy', 'open to other users (mode 0644)', 'chmod 600'],
        ['broken', subject, 'keys', 'its tokens are refused', 'can be reached'],
      ],
      {},
      lines(closed),
    );
  });
});

describe('the report', () => {
  const findings: readonly Finding[] = [
    { subject: 'Node', check: 'version', severity: 'ok', found: '24' },
    { subject: 'store', check: 'recovery', severity: 'warning', found: 'off', hint: 'turn it on' },
    {
      subject: 'region a',
      check: 'key',
      severity: 'broken',
      found: 'is\u001b[2J gone\nfor ever',
      hint: 'make one',
    },
    { subject: 'region a', check: 'rotation', severity: 'skipped', found: 'not known' },
  ];

  it('is in words where there is no terminal', () => {
    expect(textReport(findings, reportStyle(false, undefined))).toBe(
      [
        'Node',
        '  ok      version   24',
        'store',
        '  warning recovery  off',
        'region a',
        '  BROKEN  key       is [2J gone for ever',
        '  -       rotation  not known',
        '',
        '1 broken, 1 warning, 1 ok. Nothing was changed.',
        '',
        'What to do',
        ' 1. region a, key: is [2J gone for ever',
        '    → make one',
        ' 2. store, recovery: off',
        '    → turn it on',
        '',
      ].join('\n'),
    );
  });

  it('is coloured on a terminal alone, and not where NO_COLOR asks for none', () => {
    const escape = '\u001b[';
    const reports = [
      reportStyle(true, undefined),
      reportStyle(true, ''),
      reportStyle(true, '1'),
      reportStyle(false, undefined),
    ].map((style) => textReport(findings, style));
    expect(reports.map((text) => [text.includes(escape), text.includes('✗')])).toEqual([
      [true, true],
      [true, true],
      [false, true],
      [false, false],
    ]);
  });

  it('for programs has the worst and all findings', () => {
    expect(JSON.parse(jsonReport(findings))).toEqual({ worst: 'broken', findings });
  });
});
