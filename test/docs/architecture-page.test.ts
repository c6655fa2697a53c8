// docs/architecture.md names files and tests for each promise: they exist, under these names, and every promise that the
// simulation knows has its row.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

const page = readFileSync('docs/architecture.md', 'utf8');
const rows = page.split('\n').filter((line) => /^\| \*\*I\d+\*\*/.test(line));
const cellsOf = (row: string): readonly string[] =>
  row.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').trim());
const filesIn = (text: string): readonly string[] =>
  [...text.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, path = '']) => path);

describe('the page about the architecture', () => {
  test('names no file or folder that is not there', () => {
    expect(filesIn(page).filter((path) => !existsSync(path))).toEqual([]);
    expect(filesIn(page).length).toBeGreaterThan(40);
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
    const adapters = readdirSync('src/adapters').map((name) => `src/adapters/${name}/`);
    expect(adapters.filter((path) => !page.includes(path))).toEqual([]);
  });

  test('has a row for every promise that the simulation checks, and for I11', () => {
    const simulated = [
      ...readFileSync('test/simulation/history.ts', 'utf8').matchAll(/broken\(\s*'(I\d+)'/g),
    ];
    const known = [...new Set([...simulated.map(([, name = '']) => name), 'I3', 'I11'])];
    const named = rows.map((row) => /I\d+/.exec(row)?.[0] ?? '');
    expect(named).toEqual(Array.from({ length: 11 }, (_, index) => `I${index + 1}`));
    expect(known.filter((name) => !named.includes(name))).toEqual([]);
  });

  test.each(rows.map((row) => [/I\d+/.exec(row)?.[0] ?? '', row] as const))(
    '%s names tests that exist, and sources that keep it',
    (name, row) => {
      const [, keptIn = '', testedBy = ''] = cellsOf(row);
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
