// Clients of the AWS SDK, which RKMS uses off the request path: for checks at start, `rkms doctor` and imports. One try per
// call, and the same endpoints as the hot path: nothing of the environment or of a home folder may change them. The SDK has no
// effective time-out of its own: callers always pass an abort signal.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import { endpointOf, type AwsConnectionSettings, type RegionalClients } from './regional-clients.js';
import type { AwsService } from './json-client.js';

export const kmsSdkClient = (clients: RegionalClients, settings: AwsConnectionSettings): KMSClient =>
  new KMSClient(optionsOf(clients, 'kms', settings));

export const dynamoDbSdkClient = (
  clients: RegionalClients,
  settings: AwsConnectionSettings,
): DynamoDBClient => new DynamoDBClient(optionsOf(clients, 'dynamodb', settings));

type AwsConnectionOptions = Required<
  Pick<
    KMSClientConfig,
    'region' | 'endpoint' | 'maxAttempts' | 'retryMode' | 'credentials' | 'requestHandler'
  >
>;

const optionsOf = (
  clients: RegionalClients,
  service: AwsService,
  { region, endpoint, connectTimeoutMs, maxSockets }: AwsConnectionSettings,
): AwsConnectionOptions => ({
  region,
  endpoint: endpoint ?? endpointOf(service, region),
  maxAttempts: 1,
  retryMode: 'standard',
  credentials: () => clients.credentialsOf(region).get(),
  requestHandler: {
    connectionTimeout: connectTimeoutMs,
    httpAgent: { maxSockets },
    httpsAgent: { maxSockets },
  },
});
