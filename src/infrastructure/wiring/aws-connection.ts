// How RKMS connects to a service of AWS in one region, as the configuration says: the limits are the same for KMS and DynamoDB.
import type { AwsConnectionSettings } from '../../adapters/aws/regional-clients.js';
import type { Config } from '../config/config.js';

/** The endpoint follows from the region's name unless one is given. */
export const connectionTo = (
  { name, endpoint }: { readonly name: string; readonly endpoint?: string | undefined },
  { kms }: Pick<Config, 'kms'>,
): AwsConnectionSettings => ({
  region: name,
  endpoint,
  connectTimeoutMs: kms.connect_timeout_ms,
  maxSockets: kms.max_sockets,
});
