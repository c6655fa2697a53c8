// docs/architecture.md names for each invariant the sources that keep it and the tests that check it. They must exist, and no
// invariant of the simulation may be missing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

const page = readFileSync('docs/architecture.md', 'utf8');
const itemsOf = (heading: string, mark: RegExp): readonly string[] =>
  (page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '')
    .split(mark)
    .slice(1)
    .map((item) => (item.split('\n\n')[0] ?? '').replaceAll(/\s+/g, ' ').trim());
const invariants = itemsOf('Invariants', /^- /m);
const idOf = (item: string): string => /I\d+/.exec(item)?.[0] ?? '';
const filesIn = (text: string): readonly string[] =>
  [...text.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, path = '']) => path);

describe('the page about the architecture', () => {
  test('names only files and folders that exist', () => {
    expect(filesIn(page).filter((path) => !existsSync(path))).toEqual([]);
    expect(filesIn(page).length).toBeGreaterThan(40);
  });

  test('follows a request through at most twelve files, each once', () => {
    const files = itemsOf('One request', /^\d+\. /m).map((item) => filesIn(item)[0]);
    expect(files.length).toBeGreaterThan(8);
    expect(files.length).toBeLessThanOrEqual(12);
    expect(new Set(files).size).toBe(files.length);
    expect(files[0]).toBe('src/adapters/http/server/server.ts');
    expect(files.at(-1)).toBe('src/adapters/aws-kms/aws-kms-key-vault.ts');
  });

  test('names every port, and every adapter', () => {
    const ports = readdirSync('src/ports').flatMap((name) => [
      ...readFileSync(`src/ports/${name}`, 'utf8').matchAll(/^export interface (\w+)/gm),
    ]);
    const tokens = readdirSync('src/ports').flatMap((name) => [
      ...readFileSync(`src/ports/${name}`, 'utf8').matchAll(/token<(?:readonly )?(\w+)(?:\[\])?>\(/g),
    ]);
    const bound = tokens
      .map(([, name = '']) => name)
      .filter((name) => ports.some(([, each]) => each === name));
    expect(bound.filter((name) => !page.includes(`| \`${name}\``))).toEqual([]);
    expect(bound.length).toBeGreaterThan(5);
    const adapters = readdirSync('src/adapters');
    const isNamed = (name: string): boolean =>
      page.includes(`src/adapters/${name}/`) || page.includes(`\`${name}\``);
    expect(adapters.filter((name) => !isNamed(name))).toEqual([]);
  });

  test('lists every invariant, among them those that the simulation checks', () => {
    const simulated = [
      ...readFileSync('test/simulation/history.ts', 'utf8').matchAll(/broken\(\s*'(I\d+)'/g),
    ];
    const known = [...new Set([...simulated.map(([, name = '']) => name), 'I3', 'I11'])];
    const named = invariants.map(idOf);
    expect(named).toEqual(Array.from({ length: 11 }, (_, index) => `I${index + 1}`));
    expect(known.filter((name) => !named.includes(name))).toEqual([]);
  });

  test.each(invariants.map((item) => [idOf(item), item] as const))(
    '%s names sources and tests that exist',
    (name, item) => {
      const [, keptIn = '', testedBy = ''] = / Kept in (.*)\. Tested by (.*)$/.exec(item) ?? [];
      const tests = [...testedBy.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)];
      expect(tests.length).toBeGreaterThan(0);
      expect(filesIn(keptIn).length).toBeGreaterThan(0);
      const missing = tests.filter(
        ([, path = '', title = '']) => !readFileSync(path, 'utf8').includes(`'${title}'`),
      );
      expect(missing.map(([shown]) => shown)).toEqual([]);
      expect(tests.every(([, , title = '']) => title.includes(`(${name})`))).toBe(true);
    },
  );
});
