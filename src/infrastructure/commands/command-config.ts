// The option --config, which every command has, and how its file becomes a checked configuration. A file that cannot be
// used ends the command with one StartRefused that names all of its problems.
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../../adapters/files/private-files.js';
import { StartRefused } from '../../ports/start-refused.js';
import { refuseDangers } from '../environment-dangers.js';
import { parseConfig, showConfigProblems, type Config } from '../config.js';

const embeddedDefault = fileURLToPath(new URL('../../../../config/rkms.toml', import.meta.url));

/** What commander reads for a command that was made by `addCommand`. */
export interface ConfigOption {
  readonly config: string;
}

/** Adds a command that reads the configuration. */
export const addCommand = (parent: Command, name: string, summary: string): Command =>
  parent
    .command(name)
    .description(summary)
    .option('-c, --config <file>', 'configuration file', process.env['RKMS_CONFIG'] ?? embeddedDefault);

export function loadConfig({ config: path }: ConfigOption): Config {
  const config = parseConfig(readConfigFile(path), process.env);
  if (config.isOk()) {
    refuseDangers(config.value, process.env, process.execArgv);
    return config.value;
  }
  throw new StartRefused(
    `the configuration ${path} is not valid:\n${indent(showConfigProblems(config.error))}`,
    '',
  );
}

/** The text of a configuration file. */
export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new StartRefused(
      `the configuration ${path} cannot be read (${codeOf(cause)})`,
      'name it with --config or RKMS_CONFIG',
      { cause },
    );
  }
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');
