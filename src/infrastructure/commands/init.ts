// `rkms init`: makes the deployment's genesis record in a new, empty store; safe to repeat.
import type { Command } from 'commander';
import { pino } from 'pino';
import { checkTables } from '../check-tables.js';
import { bindAdapters } from '../container.js';
import { initialiseStore } from '../prepare-store.js';
import { addCommand, loadConfig, type ConfigOption } from './command-config.js';
import { withContainer } from './command-container.js';

export function addInit(program: Command): void {
  addCommand(program, 'init', 'make the deployment’s genesis record in a new, empty store').action(init);
}

async function init(options: ConfigOption): Promise<void> {
  const config = loadConfig(options);
  const logger = pino({ level: 'silent' });
  const made = await withContainer(config, [bindAdapters(config, logger)], async (container) => {
    await checkTables(container, config, logger);
    return initialiseStore(container, config);
  });
  const text = made ? 'was made' : 'was there already: nothing was changed';
  process.stdout.write(`The genesis record of the deployment "${config.deployment}" ${text}.\n`);
}
