// `rkms config check`: reports everything that is wrong with a configuration, with the line in the file, and what a start
// would refuse in the environment. Makes no network call: `rkms doctor` checks regions and store.
import { fipsHint, lacksFipsEndpoints, variablesWithoutEffect } from '../../config/aws-environment.js';
import { unknownVariables } from '../../config/environment.js';
import { showProblem, type ConfigProblem } from '../../config/schema/problems.js';
import { regionsOf, usesAws, type Config } from '../../config/config.js';
import { unsafeSettingsIn } from '../../config/unsafe-environment.js';
import { readConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { exitCodes } from '../support/exit-codes.js';
import { paint } from '../support/paint.js';

interface CheckOptions extends ConfigOption {
  readonly json?: true;
}

interface ConfigReport {
  readonly file: string;
  readonly valid: boolean;
  readonly problems: readonly ConfigProblem[];
  /** What is suspicious, but does not prevent a start. */
  readonly notes: readonly string[];
}

export function checkConfig(options: CheckOptions): void {
  const { config: file, json } = options;
  const { parsed } = readConfig(options);
  const problems = parsed.match(environmentProblems, (invalid) => invalid.problems);
  const ignored = parsed.map((config) => variablesWithoutEffect(process.env, config)).unwrapOr([]);
  const notes = [
    ...unknownVariables(process.env).map((name) => `the variable ${name} matches no option`),
    ...ignored.map(({ name, why }) => `the variable ${name} has no effect: ${why}`),
  ];
  const report: ConfigReport = { file, valid: problems.length === 0, problems, notes };
  const verdict = parsed.match(summary, () => '');
  process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report, verdict));
  process.exitCode = report.valid ? exitCodes.ok : exitCodes.findings;
}

function environmentProblems(config: Config): readonly ConfigProblem[] {
  const { allow_environment: allowed } = config.security;
  const fips = lacksFipsEndpoints(config, process.env);
  const unsafe = unsafeSettingsIn(process.env, process.execArgv, usesAws(config))
    .filter(({ name }) => !allowed.includes(name))
    .map(({ name, does }) => ({
      path: name,
      found: `it in the environment, and it ${does}`,
      expected: `it unset, or allowed by [security] allow_environment = ["${name}"] in the file`,
    }));
  if (fips === undefined) return unsafe;
  const found = 'true, but no endpoint for some region or store';
  return [{ path: fips, found, expected: `FIPS endpoints: ${fipsHint}` }, ...unsafe];
}

function textOf({ file, valid, problems, notes }: ConfigReport, summed: string): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const verdict = valid
    ? `${paint('good', `${file} is valid`)}: ${summed}.`
    : paint('bad', `${file} has ${count}.`);
  const lines = [
    ...problems.map((problem) => showProblem(problem, file)),
    ...notes.map((note) => `${paint('warning', 'note')}: ${note}`),
    verdict,
  ];
  return `${lines.join('\n')}\n`;
}

function summary(config: Config): string {
  const { deployment, store } = config;
  const place =
    store.kind === 'sqlite'
      ? `SQLite in ${store.path}`
      : `the DynamoDB table "${store.table}", mode ${store.mode.kind}, in ${store.regions.map(({ name }) => name).join(', ')}`;
  return `deployment "${deployment}", regions ${regionsOf(config).join(', ')}, store ${place}`;
}
