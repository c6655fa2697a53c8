// How RKMS connects to AWS: one try per call (the application decides about the next region), kept-alive connections, and
// a bound on connecting. Endpoints follow from the region's name or are ours: the SDK would also look for some in the
// environment and in the profiles of the home folder. The SDK's own bound on a call would be none: callers always pass an abort signal.
import type { KMSClientConfig } from '@aws-sdk/client-kms';
import { ZeroizingHttpAgent, ZeroizingHttpsAgent } from './zeroizing-agents.js';

type NodeHttpHandlerOptions = Exclude<NonNullable<KMSClientConfig['requestHandler']>, { handle: unknown }>;

export interface AwsConnectionSettings {
  readonly region: string;
  /** Overrides the endpoint that follows from the region's name. */
  readonly endpoint?: string | undefined;
  /** How long connecting may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** How many connections to one region may be open at once. */
  readonly maxSockets: number;
}

/** Options for the constructor of any AWS client. */
export interface AwsConnectionOptions {
  readonly region: string;
  readonly endpoint?: string;
  readonly ignoreConfiguredEndpointUrls: boolean;
  readonly maxAttempts: number;
  readonly requestHandler: NodeHttpHandlerOptions;
}

export const connectionOptions = (settings: AwsConnectionSettings): AwsConnectionOptions => ({
  region: settings.region,
  ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
  ignoreConfiguredEndpointUrls: true,
  maxAttempts: 1,
  requestHandler: {
    // The SDK's own bound on connecting blames the region for every delay of this process.
    httpAgent: new ZeroizingHttpAgent(agentOptions(settings)),
    httpsAgent: new ZeroizingHttpsAgent(agentOptions(settings)),
  },
});

const agentOptions = ({ connectTimeoutMs, maxSockets }: AwsConnectionSettings) => ({
  keepAlive: true,
  maxSockets,
  connectTimeoutMs,
});
