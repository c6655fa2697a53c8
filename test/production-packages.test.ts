// Every package that production installs is code that sees keys: how many there are is decided, not found out.
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

/** More only after asking twice. */
const allowed = 104;

interface Locked {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly dev?: true;
        /** Left out of the image: a native bundler that neverthrow names, which nothing here runs. */
        readonly optional?: true;
        readonly hasInstallScript?: true;
        readonly integrity?: string;
        readonly resolved?: string;
      }
    >
  >;
}
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Locked;
const production = Object.entries(packages).filter(
  ([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true,
);

it(`no more than ${allowed} packages are installed in production`, () => {
  process.stdout.write(`production packages: ${production.length}\n`);
  expect(production.length).toBeLessThanOrEqual(allowed);
});

it('none of them runs a script when it is installed, so that --ignore-scripts is enough', () => {
  expect(production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

it('each is pinned by the hash of its content', () => {
  expect(
    production.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-')).map(([path]) => path),
  ).toEqual([]);
});
