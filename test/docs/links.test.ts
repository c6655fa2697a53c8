// Links lead somewhere, every page can be found from README, and the package that npm makes holds what its pages lead to.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readPages, type Page } from './pages.js';

const pages = new Map(readPages().map((page) => [page.path, page]));
const isOutside = (target: string): boolean => /^[a-z]+:/.test(target);

interface Target {
  readonly path: string;
  readonly anchor: string | undefined;
}

/** Where a link on `page` leads, from the project's root. */
function targetOf(page: Page, link: string): Target {
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? page.path : posix.join(posix.dirname(page.path), file);
  return { path: path.replace(/\/$/, ''), anchor };
}

const problemWith = ({ path, anchor }: Target): string | undefined => {
  if (!existsSync(path)) return 'is not there';
  const page = pages.get(path);
  return anchor !== undefined && page !== undefined && !page.anchors.has(anchor)
    ? `has no heading #${anchor}`
    : undefined;
};

/** Pages that a page leads to; a folder leads to its README. */
const neighboursOf = (page: Page): readonly string[] =>
  page.links
    .filter(({ text }) => !isOutside(text))
    .map(({ text }) => targetOf(page, text).path)
    .map((path) => (pages.has(path) ? path : posix.join(path, 'README.md')))
    .filter((path) => pages.has(path));

function reachableFrom(start: string): ReadonlySet<string> {
  const found = new Set([start]);
  for (const path of found) {
    const page = pages.get(path);
    if (page !== undefined) for (const next of neighboursOf(page)) found.add(next);
  }
  return found;
}

describe('links', () => {
  test.each([...pages.values()].map((page) => [page.path, page] as const))(
    'of %s lead to what is there',
    (_, page) => {
      const broken = page.links
        .filter(({ text }) => !isOutside(text))
        .map(({ text, line }) => ({ line, text, problem: problemWith(targetOf(page, text)) }))
        .filter(({ problem }) => problem !== undefined);
      expect(broken).toEqual([]);
    },
  );

  test('to other places use https', () => {
    const plain = [...pages.values()].flatMap(({ path, links }) =>
      links.filter(({ text }) => text.startsWith('http:')).map(({ text, line }) => `${path}:${line} ${text}`),
    );
    expect(plain).toEqual([]);
  });

  test('lead from README to every page', () => {
    const reachable = reachableFrom('README.md');
    expect([...pages.keys()].filter((path) => !reachable.has(path))).toEqual([]);
  });
});

test('the package of npm holds what its pages lead to, and the program', () => {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ files } = { files: [] }] = JSON.parse(listed) as readonly {
    readonly files: readonly { readonly path: string }[];
  }[];
  const packed = new Set(files.map(({ path }) => path));
  const isPacked = (path: string): boolean =>
    packed.has(path) || [...packed].some((name) => name.startsWith(`${path}/`));
  const needed = [...pages.values()]
    .filter(({ path }) => packed.has(path))
    .flatMap((page) =>
      page.links.filter(({ text }) => !isOutside(text)).map(({ text }) => targetOf(page, text).path),
    );
  const missing = [...new Set([...needed, 'dist/src/infrastructure/main.js', 'LICENSE', 'README.md'])].filter(
    (path) => !isPacked(path),
  );
  expect(missing).toEqual([]);
}, 60_000);
