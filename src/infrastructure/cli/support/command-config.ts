// The option --config, which every command has, and how its file becomes a checked configuration. A file that cannot be
// used ends the command with one OperatorError that names all of its problems.
import { Option, type Command } from 'commander';
import type { Result } from 'neverthrow';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../../ports/operator-error.js';
import { refuseUnsafeEnvironment } from '../../config/unsafe-environment.js';
import { parseConfig, showConfigProblems, type Config, type ConfigInvalid } from '../../config/config.js';
import { readConfigFile } from '../../config/config-file.js';

const embeddedDefault = fileURLToPath(new URL('../../../../../config/rkms.toml', import.meta.url));

/** What commander reads for a command with `withConfigOption`. */
export interface ConfigOption {
  readonly config: string;
}

/** Adds the option --config to a command that reads the configuration. */
export const withConfigOption = (command: Command): Command => command.addOption(configOption());

const configOption = (): Option =>
  new Option('-c, --config <file>', 'configuration file')
    .env('RKMS_CONFIG')
    .default(embeddedDefault, 'the embedded default: all on this machine');

/** A configuration file as it was read, whatever is wrong with it. */
export interface ReadConfig {
  readonly toml: string;
  readonly parsed: Result<Config, ConfigInvalid>;
}

export function readConfig({ config: path }: ConfigOption): ReadConfig {
  const toml = readConfigFile(path);
  return { toml, parsed: parseConfig(toml, process.env) };
}

export function loadConfig(options: ConfigOption): Config {
  const config = validConfig(options, readConfig(options));
  refuseUnsafeEnvironment(config, process.env, process.execArgv);
  return config;
}

/** Ends the command with all that is wrong. */
export function validConfig({ config: path }: ConfigOption, { parsed }: ReadConfig): Config {
  if (parsed.isOk()) return parsed.value;
  throw new OperatorError(
    `the configuration ${path} is not valid:\n${indent(showConfigProblems(parsed.error, path))}`,
    '',
  );
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');
