// `rkms init`: makes the deployment's genesis record in a new, empty store; safe to repeat.
import type { Command } from 'commander';
import { pino } from 'pino';
import { checkTables } from '../../startup/check-tables.js';
import { bindAdapters } from '../../wiring/container.js';
import { initialiseStore } from '../../startup/prepare-store.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { withContainer } from '../support/command-container.js';
import { addExamples } from '../support/examples.js';

interface InitOptions extends ConfigOption {
  readonly json?: true;
}

export function addInit(command: Command): void {
  withConfigOption(command).option('--json', 'print JSON instead of a sentence').action(init);
  addExamples(command, [
    ['once for each deployment, and harmless when repeated', 'rkms init --config aws.toml'],
  ]);
}

async function init(options: InitOptions): Promise<void> {
  const config = loadConfig(options);
  const logger = pino({ level: 'silent' });
  const made = await withContainer(config, [bindAdapters(config, logger)], async (container) => {
    await checkTables(container, config, logger);
    return initialiseStore(container, config);
  });
  const { deployment } = config;
  const text = made ? 'was made' : 'was there already: nothing was changed';
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ deployment, made })}\n`
      : `The genesis record of the deployment "${deployment}" ${text}.\n`,
  );
}
