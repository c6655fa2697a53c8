// `rkms config show`: shows the effective configuration and where each value comes from. Secrets are in files that the
// configuration only names; a value that looks like a secret is masked all the same.
import { stringify } from 'smol-toml';
import { awsVariables, type AwsEffect, type AwsVariable } from '../../config/aws-environment.js';
import { usesAws } from '../../config/config.js';
import { effectiveTable, effectiveValues, type EffectiveValue } from '../../config/effective-values.js';
import { maskSecrets } from '../../config/schema/mask-secrets.js';
import { readConfig, validConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { paint } from '../support/paint.js';
import { textTable } from '../support/text-table.js';

interface ShowOptions extends ConfigOption {
  readonly json?: true;
  readonly toml?: true;
}

export function showConfig(options: ShowOptions): void {
  const read = readConfig(options);
  const config = validConfig(options, read);
  const { config: file, json, toml } = options;
  if (toml) {
    process.stdout.write(maskSecrets(stringify(effectiveTable(config))));
    return;
  }
  const values = effectiveValues(config, read.toml, process.env);
  const aws = usesAws(config) ? awsVariables(process.env) : [];
  process.stdout.write(
    json
      ? `${JSON.stringify({ file, values, aws }, undefined, 2)}\n`
      : `${tableOf(values, file)}${aws.length > 0 ? `\n${awsTable(aws)}` : ''}`,
  );
}

/** What each variable of the AWS SDK does here; see docs/aws-settings.md. */
const awsEffects: Readonly<Record<AwsEffect, string>> = {
  credentials: 'used to obtain credentials, and for nothing else',
  overridden: 'none: RKMS sets this itself',
  none: 'none on the calls of RKMS',
  refused: 'other endpoints for AWS: prevents the start unless allowed',
};

const awsTable = (variables: readonly AwsVariable[]): string =>
  textTable(
    ['AWS VARIABLE', 'VALUE', 'EFFECT'],
    variables.map(({ name, value, effect }) => [
      name,
      value === undefined ? paint('aside', 'secret') : JSON.stringify(maskSecrets(value)),
      awsEffects[effect],
    ]),
  );

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
