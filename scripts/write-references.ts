// Writes the references in docs/ from the program itself: docs/cli.md from the commander tree, docs/configuration.md from the
// schema. Nobody edits those files; a test holds them against what this would write. Run by `make docs`, after a build.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import {
  allCommands,
  optionsOf,
  subcommands,
  type NamedCommand,
} from 'rkms/infrastructure/cli/support/command-tree';
import { examplesOf } from 'rkms/infrastructure/cli/support/examples';
import { exitCodes } from 'rkms/infrastructure/cli/support/exit-codes';
import {
  declaredSections,
  type DeclaredOption,
  type DeclaredSection,
} from 'rkms/infrastructure/config/options';
import { createProgram } from 'rkms/infrastructure/cli/program';

/** Every file that is written, with its content. */
export async function references(): Promise<readonly { readonly file: string; readonly content: string }[]> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
  return [
    { file: 'docs/cli.md', content: cliReference(await createProgram(version, 'all')) },
    { file: 'docs/configuration.md', content: configurationReference(declaredSections) },
  ];
}

const written = '<!-- Written by `make docs` from the program itself: change the sources, not this file. -->';

function cliReference(program: Command): string {
  return joined([
    '# The command line',
    written,
    `${program.description()}. \`rkms --help\` and \`rkms <command> --help\` say the same at a terminal.`,
    '- Commands print tables for people; with `--json` they print JSON, which is for programs and keeps its names. Lists that may be long are JSON lines.',
    '- Colours and progress appear only on a terminal. `NO_COLOR=1` turns colours off. Progress and refusals go to standard error.',
    '- `--config`, or the variable `RKMS_CONFIG`, names the configuration ([configuration.md](configuration.md)). Single values can be set by `RKMS_<SECTION>_<KEY>`.',
    '- `rkms completion bash`, `zsh` or `fish` prints what the shell needs to complete commands and options.',
    '## Exit codes',
    table(
      ['code', 'meaning'],
      [
        [exitCodes.ok, 'done, and all is well'],
        [exitCodes.failed, 'refused or failed; the line on standard error says why'],
        [exitCodes.findings, 'the work is done, and something was found that needs an operator'],
        [
          exitCodes.stopped,
          'stopped before the end, by a signal or because nobody reads on; what was done stays done',
        ],
        [exitCodes.warnings, 'done; nothing is broken, but something should be seen to'],
        [
          exitCodes.misuse,
          'the command line itself is wrong, and nothing was done (`EX_USAGE` of sysexits.h)',
        ],
      ].map((row) => row.map(String)),
    ),
    ...allCommands(program)
      .filter(({ command }) => command !== program)
      .flatMap(commandReference),
  ]);
}

function commandReference({ command, path }: NamedCommand): readonly string[] {
  const inner = subcommands(command);
  const examples = examplesOf(command).map(([does, line]) => `- ${escaped(capital(does))}: \`${line}\``);
  const args = command.registeredArguments.map((each) => [
    `\`<${each.name()}>\``,
    escaped(each.description),
    '',
  ]);
  const options = optionsOf(command).map(({ names, description }) => {
    const option = command.options.find(({ long }) => names.includes(long ?? ''));
    const flags = option?.flags ?? names.toReversed().join(', ');
    return [`\`${flags}\``, escaped(description), escaped(defaultOf(option))];
  });
  return [
    `${inner.length > 0 || path.split(' ').length === 2 ? '##' : '###'} ${path}`,
    sentence(escaped(capital(command.description()))),
    `Usage: \`${path} ${inner.length > 0 ? '<command>' : command.usage()}\``,
    ...(inner.length > 0 ? [] : [table(['option', 'meaning', 'default'], [...args, ...options])]),
    ...(inner.length > 0 ? [] : ['For example:', ...examples]),
  ];
}

function defaultOf(option: Command['options'][number] | undefined): string {
  if (option?.defaultValue === undefined) return option?.mandatory ? 'required' : '';
  return option.defaultValueDescription ?? JSON.stringify(option.defaultValue);
}

function configurationReference(sections: readonly DeclaredSection[]): string {
  return joined([
    '# Configuration reference',
    written,
    'A TOML file, read once and checked as a whole. [config/aws.toml](../config/aws.toml) is one for production, with comments; `config/rkms.toml` is the embedded default.',
    '- `--config` or `RKMS_CONFIG` names the file. The variables below set single values; they win over the file.',
    '- `rkms config check` says all that is wrong with it, line by line. `rkms config show` says what holds, and where each value came from.',
    '- Secrets are never in it: options name files that hold them.',
    ...sections.filter(({ options }) => options.length > 0).flatMap(sectionReference),
  ]);
}

const sectionReference = ({ path, description, options }: DeclaredSection): readonly string[] => [
  `## ${headingOf(path)}`,
  ...(description === '' ? [] : [escaped(description)]),
  table(
    ['option', 'type', 'unit', 'default', 'variable', 'meaning'],
    options.map((option) => [
      `\`${option.key}\``,
      option.kind === 'boolean' ? 'true or false' : option.kind,
      option.unit ?? '',
      standardOf(option),
      option.variable === undefined ? '' : `\`${option.variable}\``,
      escaped(meaningOf(option)),
    ]),
  ),
];

function headingOf(path: string): string {
  if (path === '') return 'Before all tables';
  const [, outer, key = path] = /^(.+\[\])\.(.+)$/.exec(path) ?? [];
  const name = key.endsWith('[]') ? `[[${key.slice(0, -2)}]]` : `[${key}]`;
  return outer === undefined
    ? `\`${name}\``
    : `\`${key.replace('[]', '')}\` in \`[[${outer.slice(0, -2)}]]\``;
}

function standardOf({ default: value, required, whenUnset }: DeclaredOption): string {
  if (value !== undefined) return `\`${JSON.stringify(value)}\``;
  return required ? 'required' : escaped(whenUnset ?? 'none');
}

const meaningOf = ({ description, expected, onlyWith }: DeclaredOption): string =>
  `${onlyWith ? `With ${onlyWith.key} = "${onlyWith.value}": ` : ''}${description} Expected: ${expected}.`;

/** Aligned as the formatter aligns it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(3, cell.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Text that Markdown would take for more than text. */
const escaped = (text: string): string => text.replaceAll(/[*<|_]/g, String.raw`\$&`);

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A blank line between blocks, none between the points of a list. */
const joined = (blocks: readonly string[]): string =>
  `${blocks.join('\n\n').replaceAll(/^(- .*)\n\n(?=- )/gm, '$1\n')}\n`;

if (import.meta.main) {
  for (const { file, content } of await references()) writeFileSync(file, content);
}
