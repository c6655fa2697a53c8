// How the file of --config becomes a checked configuration. A file that cannot be used ends the command with one OperatorError
// that names all of its problems.
import type { Result } from 'neverthrow';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { refuseUnsafeEnvironment } from '../../config/unsafe-environment.js';
import { parseConfig, showConfigProblems, type Config, type ConfigInvalid } from '../../config/config.js';
import { readConfigFile } from '../../config/config-file.js';
import type { ConfigOption } from './declare.js';

/** A configuration file as it was read, valid or not. */
export interface ReadConfig {
  readonly toml: string;
  readonly parsed: Result<Config, ConfigInvalid>;
}

export function readConfig({ config: path }: ConfigOption, toml = readConfigFile(path)): ReadConfig {
  return { toml, parsed: parseConfig(toml, process.env) };
}

/** The checked configuration, in an environment in which RKMS may run. `toml`: its text, if it was read before. */
export function loadConfig(options: ConfigOption, toml?: string): Config {
  const config = validConfig(options, readConfig(options, toml));
  refuseUnsafeEnvironment(config, process.env, process.execArgv);
  return config;
}

/** The configuration, or an OperatorError with all problems. */
export function validConfig({ config: path }: ConfigOption, { parsed }: ReadConfig): Config {
  if (parsed.isOk()) return parsed.value;
  throw new OperatorError(
    `the configuration ${path} is not valid:\n${indent(showConfigProblems(parsed.error, path))}`,
    '',
  );
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');
