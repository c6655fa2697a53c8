// What the declarations of commands share: the option --config, and the loading of a command's code when it runs. Nothing that
// a declaration imports may load the configuration, an adapter or the AWS SDK: help and completion must not wait for them.
import { Option, type Command } from 'commander';
import { fileURLToPath } from 'node:url';

const embeddedDefault = fileURLToPath(new URL('../../../../../config/rkms.toml', import.meta.url));

/** What commander returns for a command with `withConfigOption`. */
export interface ConfigOption {
  /** Path of the TOML file. */
  readonly config: string;
}

/** Adds the option --config to a command that reads the configuration. */
export const withConfigOption = (command: Command): Command =>
  command.addOption(
    new Option('-c, --config <file>', 'configuration file')
      .env('RKMS_CONFIG')
      .default(embeddedDefault, 'the embedded default: everything on this machine'),
  );

/** The action of a command, whose code is loaded when the command runs. `args` are commander's: arguments, options, command. */
export const loaded =
  <Args extends readonly unknown[]>(load: () => Promise<(...args: Args) => void | Promise<void>>) =>
  async (...args: Args): Promise<void> => {
    const run = await load();
    await run(...args);
  };
