// What README promises a newcomer: in a fresh checkout, one command leads to a key, and a second one to the same key.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const run = promisify(execFile);
const patienceMs = 600_000;
/** What a checkout has not; the packages are this one's, because there may be no network. */
const notChecked = new Set(['node_modules', 'dist', 'data', 'coverage', '.git']);

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'rkms-checkout-'));
  cpSync('.', checkout, { recursive: true, filter: (path) => !notChecked.has(basename(path)) });
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
  'the command of README prints a key, and asked again the same key',
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
  patienceMs,
);
