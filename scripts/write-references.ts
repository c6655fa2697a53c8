// Writes the references in docs/ from the program itself: docs/cli.md from the declarations of the commands,
// docs/configuration.md from the schema. A test fails when those files differ from what this writes. Run by `make docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import {
  allCommands,
  optionsOf,
  subcommands,
  type NamedCommand,
} from '#src/infrastructure/cli/support/command-tree';
import { examplesOf } from '#src/infrastructure/cli/support/examples';
import { exitCodes } from '#src/infrastructure/cli/support/exit-codes';
import {
  declaredSections,
  type DeclaredOption,
  type DeclaredSection,
} from '#src/infrastructure/config/options';
import { createProgram } from '#src/infrastructure/cli/program';

/** Every reference, with its content. */
export function references(): readonly { readonly file: string; readonly content: string }[] {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
  return [
    { file: 'docs/cli.md', content: cliReference(createProgram(version)) },
    { file: 'docs/configuration.md', content: configurationReference(declaredSections) },
  ];
}

const written = '<!-- Written by `make docs` from the program itself: change the sources, not this file. -->';

function cliReference(program: Command): string {
  return joined([
    '# The command line',
    written,
    `${program.description()}. \`rkms --help\` and \`rkms <command> --help\` print the same text.`,
    '- Commands print tables for people. With `--json` they print JSON for programs, with names that do not change; lists of keys are JSON lines.',
    '- Colours and progress appear only on a terminal. `NO_COLOR=1` turns colours off. Progress and errors go to standard error.',
    '- `--config`, or the variable `RKMS_CONFIG`, names the configuration ([configuration.md](configuration.md)). Variables `RKMS_<SECTION>_<KEY>` set single values.',
    '- `rkms completion bash`, `zsh` or `fish` prints a script that completes commands and options in that shell.',
    '## Exit codes',
    table(
      ['code', 'meaning'],
      [
        [exitCodes.ok, 'success: done, and nothing is wrong'],
        [exitCodes.failed, 'refused or failed; standard error has the reason'],
        [exitCodes.findings, 'done; something was found that an operator must fix'],
        [exitCodes.stopped, 'stopped before the end, by a signal or a closed pipe; what was done stays done'],
        [exitCodes.warnings, 'done; there are warnings, and nothing is broken'],
        [exitCodes.misuse, 'the command line is wrong, and nothing was done (`EX_USAGE` of sysexits.h)'],
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
  const args = command.registeredArguments.map((each) => item(`<${each.name()}>`, each.description));
  const options = optionsOf(command).map(({ names, description }) => {
    const option = command.options.find(({ long }) => names.includes(long ?? ''));
    const flags = option?.flags ?? names.toReversed().join(', ');
    return item(flags, description, defaultOf(option));
  });
  return [
    `${inner.length > 0 || path.split(' ').length === 2 ? '##' : '###'} ${path}`,
    sentence(escaped(capital(command.description()))),
    `Usage: \`${path} ${inner.length > 0 ? '<command>' : command.usage()}\``,
    ...(inner.length > 0 ? [] : ['Options:', ...args, ...options, 'For example:', ...examples]),
  ];
}

function defaultOf(option: Command['options'][number] | undefined): string {
  if (option?.defaultValue === undefined) return option?.mandatory ? 'Required' : '';
  return `Default: ${option.defaultValueDescription ?? JSON.stringify(option.defaultValue)}`;
}

const item = (name: string, meaning: string, more = ''): string =>
  `- \`${name}\`: ${escaped(sentence(capital(meaning)))}${more === '' ? '' : ` ${escaped(sentence(more))}`}`;

function configurationReference(sections: readonly DeclaredSection[]): string {
  return joined([
    '# Configuration reference',
    written,
    'A TOML file, read once at the start. [config/aws.toml](../config/aws.toml) is an example for production, with comments; `config/rkms.toml` is the embedded default.',
    '- `--config` or `RKMS_CONFIG` names the file. The variables below set single values and override the file.',
    '- `rkms config check` reports every problem with its line. `rkms config show` shows the effective values and where each comes from.',
    '- It never contains secrets: options name the files that do.',
    ...sections.filter(({ options }) => options.length > 0).flatMap(sectionReference),
  ]);
}

const sectionReference = ({ path, description, options }: DeclaredSection): readonly string[] => [
  `## ${headingOf(path)}`,
  ...(description === '' ? [] : [escaped(description)]),
  ...options.map(
    (option) => `- \`${option.key}\` (${factsOf(option).join(', ')}): ${escaped(meaningOf(option))}`,
  ),
];

/** As `number of milliseconds, default 5000, RKMS_STORE_TIMEOUT_MS`. */
const factsOf = (option: DeclaredOption): readonly string[] => [
  option.kind === 'boolean' ? 'true or false' : `${option.kind}${option.unit ? ` of ${option.unit}` : ''}`,
  defaultValueOf(option),
  ...(option.variable === undefined ? [] : [`\`${option.variable}\``]),
];

function headingOf(path: string): string {
  if (path === '') return 'Top level';
  const [, outer, key = path] = /^(.+\[\])\.(.+)$/.exec(path) ?? [];
  const name = key.endsWith('[]') ? `[[${key.slice(0, -2)}]]` : `[${key}]`;
  return outer === undefined
    ? `\`${name}\``
    : `\`${key.replace('[]', '')}\` in \`[[${outer.slice(0, -2)}]]\``;
}

function defaultValueOf({ default: value, required, whenUnset }: DeclaredOption): string {
  if (value !== undefined) return `default \`${JSON.stringify(value)}\``;
  return required ? 'required' : `default: ${escaped(whenUnset ?? 'none')}`;
}

const meaningOf = ({ description, expected, onlyWith }: DeclaredOption): string =>
  `${onlyWith ? `With ${onlyWith.key} = "${onlyWith.value}": ` : ''}${description} Expected: ${expected}.`;

/** Aligned as prettier aligns it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(3, cell.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Escapes what Markdown would interpret. */
const escaped = (text: string): string => text.replaceAll(/[*<|_]/g, String.raw`\$&`);

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A blank line between blocks, none between the items of a list. */
const joined = (blocks: readonly string[]): string =>
  blocks
    .map((block, at) => {
      const isListed = block.startsWith('- ') && blocks[at + 1]?.startsWith('- ') === true;
      return `${wrapped(block)}${isListed ? '' : '\n'}`;
    })
    .join('\n');

/** Lines of at most 118 characters, so that the pages can be read in a terminal. Never breaks within code. */
function wrapped(block: string): string {
  if (/^[#|<]/.test(block)) return block;
  const indent = block.startsWith('- ') ? '  ' : '';
  const lines: string[] = [];
  for (const word of block.match(/\S*`[^`]*`\S*|\S+/g) ?? []) {
    const line = lines.at(-1);
    // At the start of a line, Markdown would read these as the item of another list.
    const mustFollow = /^(\d+[.)]|[-+*#>])/.test(word);
    if (line !== undefined && (mustFollow || line.length + 1 + word.length <= 118))
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`${line === undefined ? '' : indent}${word}`);
  }
  return lines.join('\n');
}

if (import.meta.main) {
  for (const { file, content } of references()) writeFileSync(file, content);
}
