// `rkms init`: creates the genesis record of the deployment in a new, empty store. Safe to repeat: a record that exists is
// compared with the configuration and never changed.
import { pino } from 'pino';
import { loggedKeys } from '../../../adapters/audit-file/logged-keys.js';
import { ensurePrivateFolder } from '../../../adapters/files/private-files.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import type { Config } from '../../config/config.js';
import { requireTables } from '../../startup/check-tables.js';
import { Clock } from '../../../ports/clock.js';
import { KeyRepository } from '../../../ports/key-repository.js';
import { AwsClients, bindAdapters } from '../../wiring/container.js';
import { replicasOf } from '../../wiring/store-bindings.js';
import { initialiseStore } from '../../startup/prepare-store.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { withNewContainer } from '../support/command-container.js';

interface InitOptions extends ConfigOption {
  readonly json?: true;
}

/** How long reading the genesis record may take (ms). */
const limitMs = 5_000;

export async function init(options: InitOptions): Promise<void> {
  const config = loadConfig(options);
  const logger = pino({ level: 'silent' });
  ensurePrivateFolder(config.data_dir);
  const created = await withNewContainer([bindAdapters(config, logger)], async (container) => {
    await requireTables(replicasOf(container), config, container.get(AwsClients), logger);
    const repository = container.get(KeyRepository);
    const genesis = await repository.genesis(AbortSignal.timeout(limitMs));
    if (genesis.isOk() && genesis.value === undefined) await refuseLoggedKeys(config);
    return initialiseStore({ repository, clock: container.get(Clock) }, config);
  });
  const { deployment } = config;
  const text = created ? 'was created' : 'exists already: nothing was changed';
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ deployment, created })}\n`
      : `The genesis record of the deployment "${deployment}" ${text}.\n`,
  );
}

/** A new store beside the audit log of a lost one would give the lost ids second keys. */
async function refuseLoggedKeys({ audit }: Config): Promise<void> {
  const keys = await loggedKeys(audit.file);
  if (keys.length === 0) return;
  throw new OperatorError(
    `the store is new, but the audit log ${audit.file} names keys that were created in another store`,
    'put the right store back; or, if those keys are not needed any more, move the audit log away and run: rkms init',
  );
}
