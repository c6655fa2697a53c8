// docs/security.md names for each threat the file of its control and a test that proves it. Both must exist.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const page = readFileSync('docs/security.md', 'utf8');
const section = /## Threats\n[^]*?(?=\n## )/.exec(page)?.[0] ?? '';
const items = section
  .split(/^- /m)
  .slice(1)
  .map((item) => item.replaceAll(/\s+/g, ' ').trim());
const threats = items.flatMap((item) => [
  ...item.matchAll(/^\*\*(.+?)\.\*\* .+ Kept in `([^`]+)`, tested by `([^`]+)`: "([^"]+)"$/g),
]);

test('the page about security names a control and a test for each of the eighteen threats', () => {
  expect(items).toHaveLength(18);
  expect(threats).toHaveLength(18);
});

test.each(
  threats.map(([, threat = '', file = '', path = '', title = '']) => ({ threat, file, path, title })),
)('the control and the test named for "$threat" exist', ({ file, path, title }) => {
  expect(existsSync(file)).toBe(true);
  expect(readFileSync(path, 'utf8')).toContain(`'${title}'`);
});
