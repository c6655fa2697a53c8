// The project's import and naming rules hold for every source file, and the checker finds each kind of broken rule.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { violations, type Source } from './support/import-rules.js';

const project = new URL('../', import.meta.url);

const sources: readonly Source[] = readdirSync(new URL('src', project), { recursive: true, encoding: 'utf8' })
  .map((name) => `src/${name.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(new URL(path, project), 'utf8') }));

const header = '// What it decides.\n';
const source = (path: string, text: string): Source => ({ path, text: header + text });
const importing = (path: string, ...specifiers: readonly string[]): Source =>
  source(path, specifiers.map((specifier) => `import { x } from '${specifier}';\n`).join(''));

describe('the sources', () => {
  it('are all found by this test', () => {
    const rings = new Set(sources.map(({ path }) => path.split('/')[1]));
    expect([...rings]).toEqual(expect.arrayContaining(['domain', 'ports', 'application', 'adapters']));
    expect(sources.length).toBeGreaterThan(25);
  });

  it('keep the import and naming rules', () => {
    expect(violations(sources)).toEqual([]);
  });
});

describe('the rules allow', () => {
  const allowed: readonly Source[] = [
    importing('src/domain/a.ts', './b.js', 'neverthrow'),
    source('src/domain/a.ts', "import { hash, timingSafeEqual as same } from 'node:crypto';"),
    importing('src/ports/a.ts', '../domain/b.js', './token.js', 'neverthrow'),
    source('src/ports/token.ts', "import type { ServiceIdentifier } from 'inversify';"),
    source('src/ports/token.ts', "import { type ServiceIdentifier } from 'inversify';"),
    importing('src/domain/keys/a.ts', './b.js', '../b.js', '../access/b.js', '../failures/b.js'),
    importing('src/domain/regions/a.ts', '../failures/b.js'),
    importing('src/application/keys/a.ts', './b.js', '../../ports/b.js', '../../domain/b.js', 'rxjs'),
    importing('src/application/store/a.ts', '../regions/b.js', '../resilience/b.js', 'neverthrow'),
    importing('src/application/import/a.ts', '../maintenance/b.js', '../access/b.js', '../keys/b.js'),
    importing(
      'src/adapters/sqlite/a.ts',
      './b.js',
      '../../ports/b.js',
      '../../domain/b.js',
      'node:fs',
      'pino',
    ),
    importing('src/adapters/http/a.ts', '../../application/b.js', 'koa'),
    importing('src/adapters/cli/a.ts', '../../application/b.js', 'commander'),
    importing('src/adapters/aws-kms/a.ts', '../aws/b.js', '@aws-sdk/client-kms'),
    importing('src/adapters/local-kms/a.ts', '../files/b.js'),
    importing(
      'src/infrastructure/a.ts',
      '../application/b.js',
      '../adapters/http/b.js',
      'inversify',
      './c.js',
    ),
    source(
      'src/infrastructure/a.ts',
      "import { env } from 'node:process';\nexport const config = process.env['A'];",
    ),
    source(
      'src/domain/a.ts',
      "// import { x } from '../ports/b.js'; process.env\nexport const text = 'process.env';",
    ),
    source('src/adapters/cli/a.ts', 'export const code = process.exitCode;'),
    { path: 'src/infrastructure/main.ts', text: '#!/usr/bin/env node\n// Starts.\n' },
    { path: 'src/domain/a.ts', text: '/** Decides. */\n' },
    source('src/domain/indexed-commons.ts', ''),
  ];

  it.each(allowed)('$path: $text', (one) => {
    expect(violations([one])).toEqual([]);
  });
});

describe('the rules forbid', () => {
  const cryptoRule = 'domain uses nothing of it but hash and timingSafeEqual';
  const forbidden: readonly (readonly [Source, string])[] = [
    [importing('src/domain/a.ts', '../ports/b.js'), 'imports ../ports/b.js: domain does not know ports'],
    [
      importing('src/domain/a.ts', '../application/b.js'),
      'imports ../application/b.js: domain does not know application',
    ],
    [importing('src/domain/a.ts', './keys/b.js'), 'imports ./keys/b.js: domain/ does not know domain/keys'],
    [
      importing('src/domain/keys/a.ts', '../regions/b.js'),
      'imports ../regions/b.js: domain/keys does not know domain/regions',
    ],
    [
      importing('src/domain/failures/a.ts', '../keys/b.js'),
      'imports ../keys/b.js: domain/failures does not know domain/keys',
    ],
    [
      importing('src/domain/keys/a.ts', './deeper/b.js'),
      'imports ./deeper/b.js: domain/keys/deeper has no place in the order of folders',
    ],
    [
      importing('src/application/a.ts', './keys/b.js'),
      'imports ./keys/b.js: application/ has no place in the order of folders',
    ],
    [
      importing('src/application/regions/a.ts', '../store/b.js'),
      'imports ../store/b.js: application/regions does not know application/store',
    ],
    [
      importing('src/application/keys/a.ts', '../access/b.js'),
      'imports ../access/b.js: application/keys does not know application/access',
    ],
    [importing('src/domain/a.ts', 'rxjs'), 'imports rxjs: domain does not use it'],
    [importing('src/domain/a.ts', 'node:fs'), 'imports node:fs: domain does not use it'],
    [importing('src/domain/a.ts', 'crypto'), 'imports crypto: domain does not use it'],
    [
      source('src/domain/a.ts', "import { randomBytes } from 'node:crypto';"),
      `imports node:crypto: ${cryptoRule}`,
    ],
    [
      source('src/domain/a.ts', "import { randomBytes as hash } from 'node:crypto';"),
      `imports node:crypto: ${cryptoRule}`,
    ],
    [
      source('src/domain/a.ts', "import * as crypto from 'node:crypto';"),
      `imports node:crypto: ${cryptoRule}`,
    ],
    [
      source('src/domain/a.ts', "import crypto, { hash } from 'node:crypto';"),
      `imports node:crypto: ${cryptoRule}`,
    ],
    [
      importing('src/ports/a.ts', '../application/b.js'),
      'imports ../application/b.js: ports does not know application',
    ],
    [importing('src/ports/a.ts', 'rxjs'), 'imports rxjs: ports does not use it'],
    [
      source('src/ports/a.ts', "import type { X } from 'inversify';"),
      'imports inversify: inversify is for infrastructure',
    ],
    [
      importing('src/ports/token.ts', 'inversify'),
      'imports inversify: inversify enters the ports as a type only',
    ],
    [
      source('src/ports/token.ts', "import 'inversify';"),
      'imports inversify: inversify enters the ports as a type only',
    ],
    [
      importing('src/application/a.ts', '../adapters/http/b.js'),
      'imports ../adapters/http/b.js: application does not know adapters',
    ],
    [
      importing('src/application/a.ts', '../infrastructure/b.js'),
      'imports ../infrastructure/b.js: application does not know infrastructure',
    ],
    [importing('src/application/a.ts', 'inversify'), 'imports inversify: inversify is for infrastructure'],
    [importing('src/application/a.ts', 'node:timers'), 'imports node:timers: application does not use it'],
    [
      source('src/application/a.ts', "import type { X } from 'koa';"),
      'imports koa: application does not use it',
    ],
    [
      importing('src/adapters/sqlite/a.ts', '../../application/b.js'),
      'imports ../../application/b.js: adapters does not know application',
    ],
    [
      importing('src/adapters/http/a.ts', '../../infrastructure/b.js'),
      'imports ../../infrastructure/b.js: adapters does not know infrastructure',
    ],
    [importing('src/adapters/http/a.ts', '../cli/b.js'), 'imports ../cli/b.js: http does not know cli'],
    [
      importing('src/adapters/aws/a.ts', '../aws-kms/b.js'),
      'imports ../aws-kms/b.js: aws does not know aws-kms',
    ],
    [
      importing('src/adapters/sqlite/a.ts', 'inversify'),
      'imports inversify: inversify is for infrastructure',
    ],
    [
      importing('src/adapters/sqlite/a.ts', '../../../test/b.js'),
      'imports ../../../test/b.js: the target is in no ring',
    ],
    [importing('src/main.ts', 'neverthrow'), 'imports neverthrow: the file is in no ring'],
    [importing('src/elsewhere/a.ts', 'neverthrow'), 'imports neverthrow: the file is in no ring'],
    [
      source('src/domain/a.ts', "export { x } from '../ports/b.js';"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [
      source('src/domain/a.ts', "export * from '../ports/b.js';"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [
      source('src/domain/a.ts', "export type A = import('../ports/b.js').B;"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [
      source('src/domain/a.ts', "export const a = await import('../ports/b.js');"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [
      source('src/domain/a.ts', "const a = require('../ports/b.js');"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [
      source('src/domain/a.ts', "import a = require('../ports/b.js');"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [
      source('src/domain/a.ts', "import '../ports/b.js';"),
      'imports ../ports/b.js: domain does not know ports',
    ],
    [source('src/adapters/http/a.ts', 'const a = process.env.A;'), 'reads the environment'],
    [source('src/adapters/http/a.ts', "const a = process['env'];"), 'reads the environment'],
    [source('src/adapters/http/a.ts', 'const { env } = process;'), 'reads the environment'],
    [source('src/adapters/http/a.ts', 'const { env: a } = process;'), 'reads the environment'],
    [source('src/adapters/http/a.ts', 'const all = globalThis.process.env;'), 'reads the environment'],
    [source('src/adapters/http/a.ts', 'const behind = process;'), 'reads the environment'],
    [
      importing('src/adapters/http/a.ts', 'node:process'),
      'imports node:process: the environment is for infrastructure',
    ],
    [source('src/application/a.ts', 'export default 7;'), 'has a default export'],
    [source('src/application/a.ts', 'export default class A {}'), 'has a default export'],
    [source('src/application/a.ts', 'export default function a() {}'), 'has a default export'],
    [source('src/application/a.ts', 'const a = 7; export { a as default };'), 'has a default export'],
    [{ path: 'src/domain/a.ts', text: 'export const a = 7;\n' }, 'has no header comment'],
    [{ path: 'src/domain/a.ts', text: '\n// Too low.\n' }, 'has no header comment'],
    [
      { path: 'src/infrastructure/main.ts', text: '#!/usr/bin/env node\nstart();\n' },
      'has no header comment',
    ],
    [source('src/adapters/http/index.ts', ''), 'is named after no thing and no act'],
    [source('src/domain/utils.ts', ''), 'is named after no thing and no act'],
    [source('src/domain/util.ts', ''), 'is named after no thing and no act'],
    [source('src/domain/common.ts', ''), 'is named after no thing and no act'],
    [source('src/domain/helpers.ts', ''), 'is named after no thing and no act'],
    [source('src/domain/types.ts', ''), 'is named after no thing and no act'],
    [source('src/domain/types.d.ts', ''), 'is named after no thing and no act'],
    [source('src/adapters/http/dto.ts', ''), 'is named after no thing and no act'],
    [source('src/adapters/helpers/a.ts', ''), 'is named after no thing and no act'],
  ];

  it.each(forbidden.map(([one, violation]) => ({ ...one, violation })))('$path: $violation', (broken) => {
    expect(violations([broken])).toEqual([`${broken.path}: ${broken.violation}`]);
  });

  it('each of several wrongs by itself', () => {
    const { path } = importing('src/domain/utils.ts');
    const text =
      "import { x } from '../ports/b.js';\nimport { y } from 'koa';\nexport default process.env;\n";
    expect(violations([{ path, text }, source('src/domain/good.ts', '')])).toEqual([
      'src/domain/utils.ts: imports ../ports/b.js: domain does not know ports',
      'src/domain/utils.ts: imports koa: domain does not use it',
      'src/domain/utils.ts: is named after no thing and no act',
      'src/domain/utils.ts: has no header comment',
      'src/domain/utils.ts: has a default export',
      'src/domain/utils.ts: reads the environment',
    ]);
  });

  it('a circle of files', () => {
    const [a, b] = ['src/infrastructure/cli/a.ts', 'src/infrastructure/cli/b.ts'];
    expect(violations([importing(a, './b.js'), importing(b, './a.js')])).toEqual([
      `${a} -> ${b} -> ${a}: imports form a circle`,
    ]);
  });

  it('a circle of folders whose files form none', () => {
    const sources = [
      importing('src/infrastructure/cli/a.ts', '../doctor/b.js'),
      importing('src/infrastructure/doctor/c.ts', '../wiring/d.js'),
      importing('src/infrastructure/wiring/e.ts', '../cli/f.js'),
    ];
    const folders = ['cli', 'doctor', 'wiring', 'cli'].map((name) => `src/infrastructure/${name}`);
    expect(violations(sources)).toEqual([`${folders.join(' -> ')}: imports form a circle`]);
  });

  it('a circle once, however many imports lead into it', () => {
    const sources = [
      importing('src/adapters/http/keys/a.ts', './b.js'),
      importing('src/adapters/http/keys/b.ts', './c.js'),
      importing('src/adapters/http/keys/c.ts', './b.js'),
      importing('src/adapters/http/keys/d.ts', './b.js', './c.js'),
    ];
    expect(violations(sources)).toHaveLength(1);
  });
});
