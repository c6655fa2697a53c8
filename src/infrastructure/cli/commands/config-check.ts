// `rkms config check`: says everything that is wrong with a configuration, with the line in the file, and what a start would
// refuse in the environment. Calls nobody; whether the regions and the store are well is for other commands.
import type { Command } from 'commander';
import { unknownVariables } from '../../config/environment.js';
import { showProblem, type ConfigProblem } from '../../config/schema/problems.js';
import { regionsOf, usesAws, type Config } from '../../config/config.js';
import { unsafeSettingsIn } from '../../config/unsafe-environment.js';
import { withConfigOption, readConfig, type ConfigOption } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';
import { exitCodes } from '../support/exit-codes.js';
import { paint } from '../support/paint.js';

interface CheckOptions extends ConfigOption {
  readonly json?: true;
}

interface ConfigReport {
  readonly file: string;
  readonly valid: boolean;
  readonly problems: readonly ConfigProblem[];
  /** What is odd, and no reason to refuse a start. */
  readonly notes: readonly string[];
}

/** Adds it to `config`, the command that the commands about the configuration share. */
export function addConfigCheck(command: Command): void {
  withConfigOption(command).option('--json', 'print JSON instead of lines').action(check);
  addExamples(command, [
    ['the configuration that `rkms serve` would use', 'rkms config check'],
    ['before a roll-out; ends with 2 if anything is wrong', 'rkms config check --config aws.toml --json'],
  ]);
}

function check(options: CheckOptions): void {
  const { config: file, json } = options;
  const { parsed } = readConfig(options);
  const problems = parsed.match(environmentProblems, (invalid) => invalid.problems);
  const notes = unknownVariables(process.env).map((name) => `the variable ${name} names no option`);
  const report: ConfigReport = { file, valid: problems.length === 0, problems, notes };
  const verdict = parsed.match(summary, () => '');
  process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report, verdict));
  process.exitCode = report.valid ? exitCodes.ok : exitCodes.findings;
}

function environmentProblems(config: Config): readonly ConfigProblem[] {
  const { allow_environment: allowed } = config.security;
  return unsafeSettingsIn(process.env, process.execArgv, usesAws(config))
    .filter(({ name }) => !allowed.includes(name))
    .map(({ name, does }) => ({
      path: name,
      found: `it in the environment, and it ${does}`,
      expected: `it not to be there, or to be allowed in the file: [security] allow_environment = ["${name}"]`,
    }));
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
