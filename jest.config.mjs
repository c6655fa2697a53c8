// Tests import the package as its users do (`rkms/service`), and scripts by `#src/...`: both are read from the sources.
import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** :: pattern of an exported name -> the TypeScript file that it is compiled from */
const sourcesOf = (exported, name) =>
  Object.fromEntries(
    Object.entries(exported)
      .filter(([, target]) => target.startsWith('./dist/'))
      .map(([path, target]) => [
        `^${name}${path.slice(1)}$`,
        target.replace('./dist/', '<rootDir>/').replace(/\.js$/, '.ts'),
      ]),
  );

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // Tests that start processes share the machine with each other: a slow one is not a broken one.
  testTimeout: 30_000,
  roots: ['<rootDir>/test'],
  globalSetup: '<rootDir>/test/support/hunt-setup.mjs',
  globalTeardown: '<rootDir>/test/support/hunt-teardown.mjs',
  setupFiles: ['<rootDir>/test/support/one-error-realm.mjs'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    ...sourcesOf(manifest.exports, manifest.name),
    '^#src/(.*)$': '<rootDir>/src/$1.ts',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/domain/**/*.ts', 'src/application/**/*.ts'],
  coverageReporters: ['text-summary', ['text', { skipFull: true }]],
  coverageThreshold: { global: { lines: 100, branches: 95 } },
};
