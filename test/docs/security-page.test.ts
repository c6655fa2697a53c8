// docs/security.md names, for each threat, a control, the file that keeps it and a test that proves it: they exist.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const page = readFileSync('docs/security.md', 'utf8');
const table = /## Threat by threat\n[^]*?(?=\n## )/.exec(page)?.[0] ?? '';
const rows = [...table.matchAll(/^\| ([^|]+?) +\|[^|]+\| `([^`]+)` +\| `([^`]+)`: "([^"]+)" +\|$/gm)];

test('the page about security has a row for each of the eighteen threats', () => {
  expect(rows.map(([, threat]) => threat)).toHaveLength(18);
  expect(table.split('\n').filter((line) => line.startsWith('| '))).toHaveLength(18 + 2);
});

test.each(rows.map(([, threat = '', file = '', path = '', title = '']) => ({ threat, file, path, title })))(
  'the control and the test named for "$threat" exist',
  ({ file, path, title }) => {
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain(`'${title}'`);
  },
);
