// Before the first request: which regions can be used? One that cannot is a warning, for that is what RKMS is there for. A
// configuration with which no key can ever be made ends the start; regions that are down do not while one is left to read in,
// for then no process could be restarted or replaced. Regions that are well get their canaries now.
import type { Container } from 'inversify';
import type { ResultAsync } from 'neverthrow';
import type { Logger } from 'pino';
import { failureFacts } from '../../adapters/pino/log-facts.js';
import { isConfigurationFault, type VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import { KeyVaults, type KeyVault } from '../../ports/key-vault.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Config } from '../config/config.js';
import { RegionCanaries } from '../wiring/container.js';

const patienceMs = 5_000;

/** Probes all regions at once, then opens a canary in each that can be used. */
export async function checkRegions(container: Container, config: Config, logger: Logger): Promise<void> {
  const vaults = container.get(KeyVaults);
  const canaries = container.get(RegionCanaries);
  const probed = await Promise.all(vaults.map((vault) => checked(vault, (signal) => vault.probe(signal))));
  const failures = probed.flatMap((failed) => failed ?? []);
  const usable = vaults.length - failures.length;
  const { quorum } = config.keys;
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
      'fewer regions than the quorum can be used: keys are read, and none is made',
    );
  }
  const well = vaults.filter(({ region }) => failures.every((failed) => failed.region !== region));
  const opened = await Promise.all(
    well.map((vault) => checked(vault, (signal) => canaries.check(vault, signal))),
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
  const result = await check(AbortSignal.timeout(patienceMs));
  if (result.isOk()) return undefined;
  const silent = result.error.kind === 'call.aborted';
  return { region, failure: silent ? { kind: 'region.unavailable', reason: 'timed-out' } : result.error };
}

const describe = (failure: VaultFailure): string =>
  'reason' in failure ? `${failure.kind}, ${failure.reason}` : failure.kind;
