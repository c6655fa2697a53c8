// Before the first request: which regions can be used? One that cannot is a warning, for that is what RKMS is there for;
// fewer than the quorum end the start, because no key could be made.
import type { Container } from 'inversify';
import type { Logger } from 'pino';
import { failureFacts } from '../adapters/pino/pino-telemetry.js';
import type { VaultFailure } from '../domain/failures.js';
import type { Region } from '../domain/ids.js';
import { KeyVaults, type KeyVault } from '../ports/key-vault.js';
import { StartRefused } from '../ports/start-refused.js';
import type { Config } from './config.js';

const patienceMs = 5_000;

/** Probes all regions at once. */
export async function checkRegions(container: Container, config: Config, logger: Logger): Promise<void> {
  const vaults = container.get(KeyVaults);
  const failures = (await Promise.all(vaults.map(probe))).flatMap((failed) => failed ?? []);
  const usable = vaults.length - failures.length;
  const { quorum } = config.keys;
  if (usable < quorum) {
    const reasons = failures.map(({ region, failure }) => `${region}: ${describe(failure)}`).join('; ');
    throw new StartRefused(
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
}

interface FailedProbe {
  readonly region: Region;
  readonly failure: VaultFailure;
}

async function probe(vault: KeyVault): Promise<FailedProbe | undefined> {
  const { region } = vault;
  const probed = await vault.probe(AbortSignal.timeout(patienceMs));
  if (probed.isOk()) return undefined;
  const silent = probed.error.kind === 'call.aborted';
  return { region, failure: silent ? { kind: 'region.unavailable', reason: 'timed-out' } : probed.error };
}

const describe = (failure: VaultFailure): string =>
  'reason' in failure ? `${failure.kind}, ${failure.reason}` : failure.kind;
