// The client with which RKMS calls AWS, for an endpoint of a test. Closed with the test.
import { JsonClient, type JsonClientSettings } from '../../src/adapters/aws/json-client.js';
import { RollingCredentials, type FetchCredentials } from '../../src/adapters/aws/rolling-credentials.js';
import { NameResolver } from '../../src/adapters/system/name-resolver.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { Leftovers } from './leftovers.js';

export type AwsTestOptions = Pick<JsonClientSettings, 'service' | 'endpoint'> &
  Partial<Pick<JsonClientSettings, 'region' | 'maxConnections' | 'ca'>> & {
    readonly fetch?: FetchCredentials;
  };

const madeUp: FetchCredentials = () => Promise.resolve({ accessKeyId: 'test', secretAccessKey: 'test' });

export function awsTestClient(
  { fetch = madeUp, ...options }: AwsTestOptions,
  leftovers: Leftovers,
): JsonClient {
  const client = new JsonClient({
    region: 'eu-west-1',
    credentials: new RollingCredentials(fetch, systemClock),
    clock: systemClock,
    lookup: new NameResolver(systemClock).lookup,
    connectTimeoutMs: 1_000,
    maxConnections: 64,
    ...options,
  });
  leftovers.add(() => client.close());
  return client;
}
