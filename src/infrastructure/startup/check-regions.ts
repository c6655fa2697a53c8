// Probes the regions before the first request. A region that cannot be used is a warning: failover is what RKMS is for. A
// configuration with which no key can ever be created ends the start. Regions that are down do not, while one region can open
// keys: otherwise no process could be restarted during an outage. Healthy regions get their canaries now.
import type { ResultAsync } from 'neverthrow';
import type { Logger } from 'pino';
import { failureFacts } from '../../adapters/pino/log-facts.js';
import { isConfigurationFault, type VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Canaries } from '../../application/regions/canaries.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Config } from '../config/config.js';

/** How long each region may take (ms). */
const probeTimeoutMs = 5_000;

/** Probes all regions at the same time, then opens a canary in each that can be used. */
export async function checkRegions(
  vaults: readonly KeyVault[],
  canaries: Canaries,
  { keys: { quorum } }: Config,
  logger: Logger,
): Promise<void> {
  const probed = await Promise.all(vaults.map((vault) => checked(vault, (signal) => vault.probe(signal))));
  const failures = probed.flatMap((failed) => failed ?? []);
  const usable = vaults.length - failures.length;
  const faulty = failures.filter(({ failure }) => isConfigurationFault(failure)).length;
  if (usable === 0 || vaults.length - faulty < quorum) {
    const reasons = failures.map(({ region, failure }) => `${region}: ${describe(failure)}`).join('; ');
    throw new OperatorError(
      `only ${usable} of ${vaults.length} regions can be used, and the quorum is ${quorum} (${reasons})`,
      'check regions, KMS keys, permissions and credentials of those named',
    );
  }
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
  const healthy = vaults.filter(({ region }) => failures.every((failed) => failed.region !== region));
  const opened = await Promise.all(
    healthy.map((vault) => checked(vault, (signal) => canaries.check(vault, signal))),
  );
  for (const { region, failure } of opened.flatMap((failed) => failed ?? [])) {
    logger.warn({ region, ...failureFacts(failure) }, 'region cannot open its canary now');
  }
}

interface FailedProbe {
  readonly region: Region;
  readonly failure: VaultFailure;
}

async function checked(
  { region }: KeyVault,
  check: (signal: AbortSignal) => ResultAsync<void, VaultFailure>,
): Promise<FailedProbe | undefined> {
  const result = await check(AbortSignal.timeout(probeTimeoutMs));
  if (result.isOk()) return undefined;
  const silent = result.error.kind === 'call.aborted';
  return { region, failure: silent ? { kind: 'region.unavailable', reason: 'timed-out' } : result.error };
}

const describe = (failure: VaultFailure): string =>
  'reason' in failure ? `${failure.kind}, ${failure.reason}` : failure.kind;
