// What pages name in passing exists: commands of rkms and their options, options of the configuration, targets of make, files,
// kinds of problems. A reader who types what stands between backticks must not be told that there is no such thing.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { problemOf } from '../../src/adapters/http/server/problems.js';
import { configSchema } from '../../src/infrastructure/config/schema/schema.js';
import { commandLinesIn, commandTree, wrongWith } from './command-tree.js';
import { nameOf, readPages } from './pages.js';

// What was in older versions may be named in the changelog.
const pages = readPages().filter(({ path }) => path !== 'CHANGELOG.md');
const spans = pages.flatMap(({ path, spans: own }) =>
  own.map(({ text, line }) => ({ text, where: `${path}:${line}` })),
);
const shells = pages.flatMap(({ blocks }) =>
  blocks.filter(({ language }) => ['sh', 'console', ''].includes(language)),
);

/** `section.key` of every option, and of tables in tables; lists as `callers.ids`. */
function optionsOf(schema: unknown, path: readonly string[] = []): readonly string[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return optionsOf(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodPipe) return optionsOf(schema.in, path);
  if (schema instanceof z.ZodArray) return [path.join('.'), ...optionsOf(schema.element, path)];
  if (schema instanceof z.ZodDiscriminatedUnion)
    return schema.options.flatMap((option) => optionsOf(option, path));
  if (schema instanceof z.ZodObject) {
    const inner = Object.entries(schema.shape).flatMap(([name, each]) => optionsOf(each, [...path, name]));
    return [path.join('.'), ...inner];
  }
  return [path.join('.')];
}

const options = new Set(optionsOf(configSchema).filter(Boolean));
const sections = new Set([...options].map((option) => option.split('.')[0] ?? ''));

const everyCommand = commandTree();

describe('what pages name', () => {
  const tree = everyCommand;

  test('commands of rkms exist, with their options', () => {
    const lines = spans.filter(({ text }) => /^rkms [a-z]/.test(text));
    const wrong = lines.flatMap(({ text, where }) =>
      commandLinesIn(text).flatMap((words) => {
        const problem = wrongWith(tree, words);
        return problem === undefined ? [] : [`${where} ${text}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
    expect(lines.length).toBeGreaterThan(20);
  });

  test('and in blocks too, also in those that are not run', () => {
    const wrong = shells.flatMap((block) =>
      commandLinesIn(block.text.replaceAll(/^\$ /gm, '')).flatMap((words) => {
        const problem = wrongWith(tree, words);
        return problem === undefined ? [] : [`${nameOf(block)}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('options of the configuration exist', () => {
    const named = spans.filter(({ text }) => sections.has(/^([a-z]+)\.[a-z_]+$/.exec(text)?.[1] ?? ''));
    // Kinds of failures look the same.
    const wrong = named.filter(({ text }) => !options.has(text) && text.includes('_'));
    expect(wrong).toEqual([]);
    const tables = spans.filter(({ text }) => /^\[{1,2}[a-z.]+\]{1,2}$/.test(text));
    expect(tables.filter(({ text }) => !options.has(text.replaceAll(/[[\]]/g, '')))).toEqual([]);
    expect(named.length + tables.length).toBeGreaterThan(10);
  });

  test('files of this repository exist', () => {
    const named = spans.filter(({ text }) =>
      /^(src|test|docs|config|bench|deploy|scripts)\/[\w./-]*$/.test(text),
    );
    expect(named.filter(({ text }) => !existsSync(text))).toEqual([]);
    expect(named.length).toBeGreaterThan(30);
  });

  test('kinds of problems are those that callers get', () => {
    const named = spans.filter(({ text }) =>
      /^(\d{3} )?(request|authentication|access|creation|key|regions|store|credentials|service|call)\.[a-z-]+$/.test(
        text,
      ),
    );
    const isOption = (text: string): boolean => options.has(text);
    // Spans of the store are named after its operations, and look like kinds of problems.
    const operations = /type StoreOperation =([^;]*);/.exec(
      readFileSync('src/ports/telemetry.ts', 'utf8'),
    )?.[1];
    const isSpan = (text: string): boolean =>
      operations?.includes(text.replace(/^store\.(.*)$/, "'$1'")) === true;
    const source = [
      'src/domain',
      'src/ports',
      'src/application',
      'src/adapters/http',
      'src/adapters/audit-file',
    ]
      .flatMap((folder) =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
      )
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    const unknown = named.filter(
      ({ text }) => !isOption(text) && !isSpan(text) && !source.includes(`'${text.replace(/^\d+ /, '')}'`),
    );
    expect(unknown).toEqual([]);
  });
});

test('docs/failover.md names every failure for which the caller is not to blame', () => {
  const table = readFileSync('src/adapters/http/server/problems.ts', 'utf8');
  const kinds = [...table.matchAll(/^ {2}'?([a-z.-]+)'?: \{/gm)].map(([, kind = '']) => kind);
  const page = readFileSync('docs/failover.md', 'utf8');
  const faults = kinds.filter(
    (kind) => problemOf({ kind } as Parameters<typeof problemOf>[0], '').status >= 500,
  );
  expect(faults.length).toBeGreaterThan(10);
  expect(faults.filter((kind) => !page.includes(`\`${kind}\``) && !page.includes(` \`${kind}`))).toEqual([]);
});

describe('make', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const targets = (/^\.PHONY: (.*)$/m.exec(makefile)?.[1] ?? '').split(' ');
  const variables = [...makefile.matchAll(/\$\((?:or \$\()?([A-Z]+)\b|^([A-Z]+) \?=/gm)].map(
    ([, used, set]) => used ?? set,
  );

  test('help lists every target that a person may ask for', () => {
    const listed = execFileSync('make', ['--no-print-directory', 'help'], { encoding: 'utf8' });
    const names = [...listed.matchAll(/^ {2}make ([a-z-]+)/gm)].map(([, name = '']) => name);
    expect(names.toSorted()).toEqual(targets.toSorted());
    const written = [...makefile.matchAll(/^([a-z-]+):/gm)].map(([, name = '']) => name);
    expect(written.toSorted()).toEqual(targets.toSorted());
  });

  test('has every target and variable that a page names', () => {
    const lines = [...spans.map(({ text }) => text), ...shells.flatMap(({ text }) => text.split('\n'))];
    const used = lines.flatMap((line) =>
      [...line.matchAll(/^(?:\$ )?make ([^#|;&]+)/g)].map(([, words = '']) => words.trim().split(/\s+/)),
    );
    const wrong = used.flatMap((words) =>
      words.filter((word) => !targets.includes(word) && !variables.includes(/^([A-Z]+)=/.exec(word)?.[1])),
    );
    expect(wrong).toEqual([]);
    expect(used.length).toBeGreaterThan(5);
  });
});

test('no table is wider than a terminal', () => {
  const wide = pages.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => (/^\|.{126}/.test(line) ? `${path}:${at + 1}` : [])),
  );
  expect(wide).toEqual([]);
});
