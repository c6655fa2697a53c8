// Declares the commands that run the service: serve and init.
import type { Command } from 'commander';
import { loaded, withConfigOption } from '../support/declare.js';
import { addExamples } from '../support/examples.js';

export function addServe(program: Command): void {
  const command = program.command('serve').description('serve keys over HTTP until a signal stops it');
  withConfigOption(command).action(loaded(async () => (await import('../commands/serve.js')).serve));
  addExamples(command, [
    ['try RKMS: keys of this machine, on 127.0.0.1:8080', 'rkms serve'],
    [
      'a configuration, with one value from the environment',
      'RKMS_SERVER_PORT=9000 rkms serve --config aws.toml',
    ],
  ]);
}

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('create the genesis record of the deployment in a new, empty store');
  withConfigOption(command)
    .option('--json', 'print JSON instead of a sentence')
    .action(loaded(async () => (await import('../commands/init.js')).init));
  addExamples(command, [['once per deployment; safe to repeat', 'rkms init --config aws.toml']]);
}
