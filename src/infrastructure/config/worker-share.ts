// What each of several workers may use of the limits in the configuration: together they keep to them, because connections are
// spread evenly. Each may do at least one thing at a time.
import { availableParallelism } from 'node:os';
import type { CreationLimits } from '../../domain/access/creation-quota.js';
import type { Config } from './config.js';

const maxWorkers = 64;

/** How many processes serve. */
export const workersOf = ({ server: { workers } }: Pick<Config, 'server'>): number =>
  workers === 'auto' ? Math.min(availableParallelism(), maxWorkers) : workers;

const share = (limit: number, workers: number): number => Math.max(1, Math.floor(limit / workers));

/** The configuration of one worker. */
export function workerShare(config: Config): Config {
  const workers = workersOf(config);
  const { server } = config;
  return {
    ...config,
    server: {
      ...server,
      max_in_flight: share(server.max_in_flight, workers),
      max_connections: share(server.max_connections, workers),
      max_connections_per_address: share(server.max_connections_per_address, workers),
    },
  };
}

/** How many keys one worker may make for a caller. */
export function creationShare(limits: CreationLimits, config: Pick<Config, 'server'>): CreationLimits {
  const workers = workersOf(config);
  return {
    perSecond: limits.perSecond / workers,
    burst: share(limits.burst, workers),
    perDay: share(limits.perDay, workers),
  };
}
