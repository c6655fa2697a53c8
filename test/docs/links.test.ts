// Every link has a target, every page can be reached from README, and the package that npm makes contains what its pages link to
// and runs.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
  if (!existsSync(path)) return 'does not exist';
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
    'of %s have a target',
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

describe('the package that npm makes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-package-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const packed = new Set<string>();
  beforeAll(() => {
    // A copy, because in a clone dist is a link, which npm does not pack: `prepack` replaces it by a folder.
    const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: readonly string[] };
    for (const name of [...files, 'package.json', 'README.md', 'LICENSE']) {
      cpSync(realpathSync(name), join(folder, 'source', name), { recursive: true });
    }
    const listed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', '..'], {
      cwd: join(folder, 'source'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename, files: names } = { filename: '', files: [] }] = JSON.parse(listed) as readonly {
      readonly filename: string;
      readonly files: readonly { readonly path: string }[];
    }[];
    for (const { path } of names) packed.add(path);
    execFileSync('tar', ['-xzf', filename], { cwd: folder });
  }, 60_000);

  test('has the program, and what its pages link to', () => {
    const isPacked = (path: string): boolean =>
      packed.has(path) || [...packed].some((name) => name.startsWith(`${path}/`));
    const needed = [...pages.values()]
      .filter(({ path }) => packed.has(path))
      .flatMap((page) =>
        page.links.filter(({ text }) => !isOutside(text)).map(({ text }) => targetOf(page, text).path),
      );
    const missing = [
      ...new Set([...needed, 'dist/src/infrastructure/main.js', 'LICENSE', 'README.md']),
    ].filter((path) => !isPacked(path));
    expect(missing).toEqual([]);
  });

  test('runs as `npx rkms`', () => {
    // As npm installs it; the packages that it needs are those of this clone.
    const installed = join(folder, 'app/node_modules/rkms');
    mkdirSync(join(folder, 'app/node_modules/.bin'), { recursive: true });
    cpSync(join(folder, 'package'), installed, { recursive: true });
    symlinkSync(resolve('node_modules'), join(installed, 'node_modules'));
    const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      readonly bin: { readonly rkms: string };
    };
    symlinkSync(join('../rkms', bin.rkms), join(folder, 'app/node_modules/.bin/rkms'));
    const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
    const printed = execFileSync('npx', ['--no-install', 'rkms', '--help'], {
      cwd: join(folder, 'app'),
      encoding: 'utf8',
      env: { ...process.env, PATH },
    });
    expect(printed).toMatch(/^Usage: rkms <command>/);
  }, 60_000);
});
