// Makes the clients with which RKMS calls AWS on its hot path. All clients of one region share that region's credentials, all
// regions one name resolver. Endpoints follow from the region's name or are the operator's; nothing of the environment or of a
// home folder changes where a call goes.
import type { Clock } from '../../ports/clock.js';
import { NameResolver } from '../system/name-resolver.js';
import { JsonClient, type AwsService } from './json-client.js';
import { RollingCredentials, type FailedRenewal, type FetchCredentials } from './rolling-credentials.js';

export interface AwsConnectionSettings {
  readonly region: string;
  /** Overrides the endpoint that follows from the region's name. */
  readonly endpoint?: string | undefined;
  /** How long connecting may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** How many connections to one service in one region may be open at once. */
  readonly maxSockets: number;
}

export class RegionalClients {
  readonly sdkLogger: SdkLogger;
  private readonly resolver: NameResolver;
  /** :: region -> its credentials */
  private readonly credentials = new Map<string, RollingCredentials>();

  /** `warn` gets what the SDK warns of, in one line. */
  constructor(
    private readonly clock: Clock,
    warn: (text: string) => void,
    private readonly onRenewalFailed: (region: string, failed: FailedRenewal) => void = () => undefined,
  ) {
    this.resolver = new NameResolver(clock);
    this.sdkLogger = warningsOnly(warn);
  }

  client(service: AwsService, { region, endpoint, ...limits }: AwsConnectionSettings): JsonClient {
    return new JsonClient({
      service,
      region,
      endpoint: endpoint ?? endpointOf(service, region),
      credentials: this.credentialsOf(region),
      clock: this.clock,
      lookup: this.resolver.lookup,
      connectTimeoutMs: limits.connectTimeoutMs,
      maxConnections: limits.maxSockets,
    });
  }

  credentialsOf(region: string): RollingCredentials {
    const known =
      this.credentials.get(region) ??
      new RollingCredentials(fetchByChain(region, this.sdkLogger), this.clock, (failed) => {
        this.onRenewalFailed(region, failed);
      });
    this.credentials.set(region, known);
    return known;
  }
}

/** The interface of the SDK's loggers. */
type SdkLogger = Readonly<
  Record<'trace' | 'debug' | 'info' | 'warn' | 'error', (...parts: unknown[]) => void>
>;

/** Warnings of the SDK are texts of its own; what it says below and above them may hold requests and answers. */
function warningsOnly(warn: (text: string) => void): SdkLogger {
  const nothing = (): void => undefined;
  const log = (...parts: unknown[]): void => {
    const texts = parts.filter((part) => typeof part === 'string');
    if (texts.length > 0) warn(texts.join(' ').replaceAll(/\s+/g, ' ').trim());
  };
  return { trace: nothing, debug: nothing, info: nothing, warn: log, error: nothing };
}

/**
 * The SDK's chain of providers (environment, profile, web identity, container, instance), asked from the beginning each time:
 * its memoised form would wait for ever for a provider that hangs, and would never read a changed file again. Where credentials come
 * from, with the endpoint of STS, is up to the environment and the home folder; how often STS is asked is not.
 */
const fetchByChain =
  (region: string, logger: SdkLogger): FetchCredentials =>
  async () => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    return defaultProvider({
      clientConfig: { region, logger, maxAttempts: 2, retryMode: 'standard', defaultsMode: 'standard' },
      parentClientConfig: { region: () => Promise.resolve(region) },
      logger,
      ignoreCache: true,
    })();
  };

/** :: how region names begin -> the domain of their partition. https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
const domains: readonly (readonly [string, string])[] = [
  ['cn-', 'amazonaws.com.cn'],
  ['eusc-', 'amazonaws.eu'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['us-isof-', 'csp.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
];

/** As `https://kms.eu-west-1.amazonaws.com`: never FIPS, dual-stack or account-based. */
export function endpointOf(service: AwsService, region: string): string {
  const [, domain] = domains.find(([prefix]) => region.startsWith(prefix)) ?? [];
  return `https://${service}.${region}.${domain ?? 'amazonaws.com'}`;
}
