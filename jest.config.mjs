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
    // The package's own name, as its users import it.
    '^rkms/contracts/(.*)$': '<rootDir>/test/contracts/$1.ts',
    '^rkms/(.*)$': '<rootDir>/src/$1.ts',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/domain/**/*.ts', 'src/application/**/*.ts'],
  coverageReporters: ['text-summary', ['text', { skipFull: true }]],
  coverageThreshold: { global: { lines: 100, branches: 95 } },
};
