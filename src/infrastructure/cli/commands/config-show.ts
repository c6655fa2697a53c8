// `rkms config show`: every value that holds, and where it came from. Secrets are in files that the configuration only names;
// what looks like one all the same is not shown.
import { Option, type Command } from 'commander';
import { stringify } from 'smol-toml';
import { effectiveTable, effectiveValues, type EffectiveValue } from '../../config/effective-values.js';
import { maskSecrets } from '../../config/schema/mask-secrets.js';
import { withConfigOption, readConfig, validConfig, type ConfigOption } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';
import { paint } from '../support/paint.js';
import { textTable } from '../support/text-table.js';

interface ShowOptions extends ConfigOption {
  readonly json?: true;
  readonly toml?: true;
}

/** Adds it to `config`, the command that the commands about the configuration share. */
export function addConfigShow(command: Command): void {
  withConfigOption(command)
    .option('--json', 'print JSON instead of a table')
    .addOption(
      new Option('--toml', 'print a file that says the same, with every value in it').conflicts('json'),
    )
    .action(show);
  addExamples(command, [
    ['all values of the embedded default', 'rkms config show'],
    ['what the environment changed', "rkms config show --config aws.toml | grep RKMS_ || echo 'nothing'"],
    ['a file with every value in it', 'rkms config show --toml > whole.toml'],
  ]);
}

function show(options: ShowOptions): void {
  const read = readConfig(options);
  const config = validConfig(options, read);
  const { config: file, json, toml } = options;
  if (toml) {
    process.stdout.write(maskSecrets(stringify(effectiveTable(config))));
    return;
  }
  const values = effectiveValues(config, read.toml, process.env);
  process.stdout.write(json ? `${JSON.stringify({ file, values }, undefined, 2)}\n` : tableOf(values, file));
}

const tableOf = (values: readonly EffectiveValue[], file: string): string =>
  textTable(
    ['OPTION', 'VALUE', 'FROM'],
    values.map((value) => [value.option, shown(value), originOf(value, file)]),
  );

const shown = (value: EffectiveValue): string =>
  value.from === 'unset' ? paint('aside', '-') : JSON.stringify(value.value);

function originOf(value: EffectiveValue, file: string): string {
  switch (value.from) {
    case 'file':
      return `${file}:${value.line}`;
    case 'environment':
      return value.variable;
    case 'default':
      return paint('aside', 'default');
    case 'unset':
      return paint('aside', `not set${value.whenUnset === undefined ? '' : `: ${value.whenUnset}`}`);
  }
}
