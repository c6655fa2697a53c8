// The first command of README: in a fresh clone `make key` prints a key, and prints the same key again.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const run = promisify(execFile);
const timeoutMs = 600_000;
/** What a fresh clone does not have. The packages are those of this clone, because there may be no network. */
const notChecked = new Set(['node_modules', 'dist', 'data', 'coverage', '.git']);

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'rkms-checkout-'));
  cpSync('.', checkout, {
    recursive: true,
    filter: (path) => !notChecked.has(basename(path)) && !basename(path).startsWith('dist-'),
  });
  symlinkSync(join(process.cwd(), 'node_modules'), join(checkout, 'node_modules'));
  // Older than what is installed, so that nothing is installed anew.
  utimesSync(join(checkout, 'package-lock.json'), 0, 0);
});
afterAll(() => {
  rmSync(checkout, { recursive: true, force: true });
});

const make = async (...args: readonly string[]): Promise<string> =>
  (await run('make', ['--no-print-directory', ...args], { cwd: checkout })).stdout;

test(
  'the command of README prints a key, and the same key the second time',
  async () => {
    expect(readFileSync('README.md', 'utf8')).toContain('```sh\nmake key\n```');
    const first = await make('key');
    expect(JSON.parse(first)).toEqual({
      id: 'orders/7',
      version: 1,
      key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
    });
    const again = await run(process.execPath, ['scripts/one-key.mjs', 'orders/7'], { cwd: checkout });
    expect(again.stdout).toBe(first);
  },
  timeoutMs,
);

test(
  'without the token file it says at once how to create another token',
  async () => {
    rmSync(join(checkout, 'data/token'));
    const refused = run(process.execPath, ['scripts/one-key.mjs', 'orders/7'], { cwd: checkout });
    await expect(refused).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^make key: There is no token in .*Create another: \.\/rkms token create /,
      ),
    });
  },
  timeoutMs,
);
