// Checks the regions before the first request, by what serving needs of them: each opens its canary. A region that cannot be
// used is a warning: failover is what RKMS is for. Only faults that no waiting repairs, in every region, end the start; outages
// never do, or no process could be restarted during one.
import type { Logger } from 'pino';
import { failureFacts } from '../../adapters/pino/log-facts.js';
import { isConfigurationFault, type VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Canaries } from '../../application/regions/canaries.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { credentialsAdvice } from '../../adapters/aws/credentials-error.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Config } from '../config/config.js';
import { TemporaryFailure } from './start-check.js';

/** How long each region may take (ms). */
const checkTimeoutMs = 5_000;

/** Checks all regions at the same time. Throws unless one can be used: a TemporaryFailure if one may be usable later. */
export async function checkRegions(
  vaults: readonly KeyVault[],
  canaries: Canaries,
  { keys: { quorum } }: Config,
  logger: Logger,
): Promise<void> {
  const checked = await Promise.all(vaults.map((vault) => check(vault, canaries)));
  const failures = checked.flatMap((failed) => failed ?? []);
  const usable = vaults.length - failures.length;
  if (usable === 0) throw noRegion(failures);
  for (const { region, failure } of failures) {
    logger.warn(
      { region, ...failureFacts(failure) },
      'region cannot be used now; the service starts without it',
    );
  }
  if (usable < quorum) {
    logger.error(
      { usable, quorum },
      'fewer regions than the quorum can be used: keys can be read, but not created',
    );
  }
}

/** One region that works is enough to open keys, so the quorum is not needed to start. */
function noRegion(failures: readonly FailedCheck[]): OperatorError {
  const reasons = failures.map(({ region, failure }) => `${region}: ${describe(failure)}`).join('; ');
  const notIssued = failures.map(({ failure }) => credentialsAdvice(failure)).find((each) => each);
  return failures.every(({ failure }) => isConfigurationFault(failure))
    ? new OperatorError(
        `no region can be used, and waiting does not change that (${reasons})`,
        notIssued ?? 'check regions, KMS keys, permissions and credentials of those named',
      )
    : new TemporaryFailure(
        `no region can be used now (${reasons})`,
        notIssued ??
          'check that the endpoints of KMS can be reached from here; faults of configuration are named above',
      );
}

interface FailedCheck {
  readonly region: Region;
  readonly failure: VaultFailure;
}

/** A throttled or failing DescribeKey says nothing about Decrypt, so KMS keys are not described unless no canary can be made. */
async function check(vault: KeyVault, canaries: Canaries): Promise<FailedCheck | undefined> {
  const result = await canaries.check(vault, AbortSignal.timeout(checkTimeoutMs));
  if (result.isOk()) return undefined;
  const silent = result.error.kind === 'call.aborted';
  return {
    region: vault.region,
    failure: silent ? { kind: 'region.unavailable', reason: 'timed-out' } : result.error,
  };
}

function describe(failure: VaultFailure): string {
  const detail = failure.kind === 'credentials.invalid' ? failure.detail : undefined;
  const reason = 'reason' in failure ? failure.reason : detail;
  return reason === undefined ? failure.kind : `${failure.kind}, ${reason}`;
}
