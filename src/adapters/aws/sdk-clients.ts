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
): DynamoDBClient =>
  new DynamoDBClient({
    ...optionsOf(clients, 'dynamodb', settings),
    accountIdEndpointMode: 'disabled',
    endpointDiscoveryEnabled: false,
  });

/** Every setting that the SDK would otherwise read from the environment or the home folder. See docs/aws-settings.md. */
const ownSettings: KMSClientConfig = {
  maxAttempts: 1,
  retryMode: 'standard',
  defaultsMode: 'standard',
  useFipsEndpoint: false,
  useDualstackEndpoint: false,
  authSchemePreference: ['sigv4'],
  disableClockSkewCorrection: false,
  userAgentAppId: () => Promise.resolve(undefined),
};

const optionsOf = (
  clients: RegionalClients,
  service: AwsService,
  { region, endpoint, connectTimeoutMs, maxSockets }: AwsConnectionSettings,
): KMSClientConfig => ({
  ...ownSettings,
  region,
  endpoint: endpoint ?? endpointOf(service, region),
  logger: clients.sdkLogger,
  credentials: () => clients.credentialsOf(region).get(),
  requestHandler: {
    connectionTimeout: connectTimeoutMs,
    httpAgent: { maxSockets },
    httpsAgent: { maxSockets },
  },
});
