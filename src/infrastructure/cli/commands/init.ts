// `rkms init`: creates the genesis record of the deployment in a new, empty store. Safe to repeat: a record that exists is
// compared with the configuration and never changed.
import { pino } from 'pino';
import { ensurePrivateFolder } from '../../../adapters/files/private-files.js';
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

export async function init(options: InitOptions): Promise<void> {
  const config = loadConfig(options);
  const logger = pino({ level: 'silent' });
  ensurePrivateFolder(config.data_dir);
  const created = await withNewContainer([bindAdapters(config, logger)], async (container) => {
    await requireTables(replicasOf(container), config, container.get(AwsClients), logger);
    const store = { repository: container.get(KeyRepository), clock: container.get(Clock) };
    return initialiseStore(store, config);
  });
  const { deployment } = config;
  const text = created ? 'was created' : 'exists already: nothing was changed';
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ deployment, created })}\n`
      : `The genesis record of the deployment "${deployment}" ${text}.\n`,
  );
}
