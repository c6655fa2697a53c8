// What each worker may use of the limits: together no more than the configuration says, and each at least one.
import { availableParallelism } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { parseConfig, type Config } from '../../../src/infrastructure/config/config.js';
import { creationShare, workersOf, workerShare } from '../../../src/infrastructure/config/worker-share.js';
import { embeddedConfig } from '../../support/served-process.js';

const configOf = (server: string, variables: Record<string, string> = {}): Config =>
  parseConfig(`${embeddedConfig('./data')}[server]\n${server}`, variables)._unsafeUnwrap();

describe('server.workers', () => {
  it.each([
    ['', 1],
    ['workers = 4', 4],
    ['workers = "auto"', Math.min(availableParallelism(), 64)],
  ])('%j is %d processes', (server, expected) => {
    expect(workersOf(configOf(server))).toBe(expected);
  });

  it('may come from a variable', () => {
    expect(workersOf(configOf('', { RKMS_SERVER_WORKERS: '3' }))).toBe(3);
    expect(configOf('', { RKMS_SERVER_WORKERS: 'auto' }).server.workers).toBe('auto');
  });

  it.each(['0', '-1', '1.5', '65', '"many"', 'true'])('cannot be %s', (value) => {
    const parsed = parseConfig(`${embeddedConfig('./data')}[server]\nworkers = ${value}\n`);
    expect(parsed._unsafeUnwrapErr().problems).toEqual([
      expect.objectContaining({
        path: 'server.workers',
        expected: 'a whole number of processes from 1 to 64, or "auto" for one per core',
      }),
    ]);
  });
});

describe('the share of a worker', () => {
  const limits = 'max_in_flight = 10\nmax_connections = 100\nmax_connections_per_address = 2\n';

  it('is the whole of one worker', () => {
    const config = configOf(limits);
    expect(workerShare(config)).toEqual(config);
    const creation = { perSecond: 5, burst: 10, perDay: 100 };
    expect(creationShare(creation, config)).toEqual(creation);
  });

  it('is an equal part, rounded down, and at least one', () => {
    const config = configOf(`${limits}workers = 3\n`);
    expect(workerShare(config).server).toMatchObject({
      max_in_flight: 3,
      max_connections: 33,
      max_connections_per_address: 1,
    });
    expect(creationShare({ perSecond: 6, burst: 10, perDay: 2 }, config)).toEqual({
      perSecond: 2,
      burst: 3,
      perDay: 1,
    });
  });
});
