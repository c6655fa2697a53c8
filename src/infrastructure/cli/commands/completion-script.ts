// Completion scripts for bash, zsh and fish. Each script determines the command from the words typed so far, and then offers
// what may follow: commands, options, choices, or files. Generated from the declarations, so nothing can be missing.
import type { Command } from 'commander';
import {
  allCommands,
  argumentWords,
  optionsOf,
  subcommands,
  type CommandOption,
} from '../support/command-tree.js';
import type { Shell } from '../support/arguments.js';

/** One command, and what may follow it. */
interface Place {
  readonly path: string;
  readonly words: readonly Word[];
  readonly options: readonly CommandOption[];
}

interface Word {
  readonly word: string;
  readonly description: string;
}

const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };

export const completionScript = (program: Command, shell: Shell): string =>
  scripts[shell](
    allCommands(program).map(({ command, path }) => ({
      path,
      words: [
        ...subcommands(command).map((each) => ({ word: each.name(), description: each.description() })),
        ...argumentWords(command).map((word) => ({ word, description: '' })),
      ],
      options: optionsOf(command),
    })),
  );

function bash(places: readonly Place[]): string {
  return `# Completion of rkms for bash. Made by: rkms completion bash
_rkms() {
  local at=rkms word words='' files='' IFS=$' \\t\\n'
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${alternatives(commandPaths(places))}) at="$at $word" ;;
    esac
  done
  case "$at $previous" in
${valueCases(places, (words) => `words='${words.join(' ')}'`, 'files=yes', 'return')}
    *)
      case "$at" in
${places.map(({ path, words, options }) => `        ${quoted(path)}) words='${[...words.map(({ word }) => word), ...options.flatMap(({ names }) => names)].join(' ')}' ;;`).join('\n')}
      esac ;;
  esac
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F _rkms rkms
`;
}

function zsh(places: readonly Place[]): string {
  const described = ({ path, words, options }: Place): string => {
    const commands = words.map(({ word, description }) =>
      quoted(description === '' ? word : `${word}:${description}`),
    );
    const flags = options.flatMap(({ names, description }) =>
      names.map((name) => quoted(`${name}:${description}`)),
    );
    return `    ${quoted(path)})\n      commands=(${commands.join(' ')})\n      options=(${flags.join(' ')}) ;;`;
  };
  return `#compdef rkms
# Completion of rkms for zsh. Made by: rkms completion zsh
_rkms() {
  local at=rkms word
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      ${alternatives(commandPaths(places))}) at="$at $word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${valueCases(places, (words) => `compadd -- ${words.join(' ')}; return`, '_files; return', 'return')}
  esac
  case "$at" in
${places.map(described).join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -t options option options
  else
    _describe -t commands command commands
  fi
}
if [ "\${funcstack[1]}" = _rkms ]; then _rkms "$@"; else compdef _rkms rkms; fi
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words, options }) => [
    ...words.map(({ word, description }) => fishLine(path, `-a ${word}`, description)),
    ...options.map(({ names, description, value }) => {
      const flags = names.map((name) => name.replace(/^--/, '-l ').replace(/^-(?=\w$)/, '-s '));
      return fishLine(path, [...flags, ...fishValue(value)].join(' '), description);
    }),
  ]);
  return `# Completion of rkms for fish. Made by: rkms completion fish
function __rkms_is
  set -l at rkms
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case ${commandPaths(places).map(quoted).join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv"
end
complete -c rkms -f
${lines.join('\n')}
`;
}

const fishLine = (path: string, what: string, description: string): string =>
  `complete -c rkms -n ${quoted(`__rkms_is ${path}`)} ${what}${description && ` -d ${fishQuoted(description)}`}`;

function fishValue(value: CommandOption['value']): readonly string[] {
  if (typeof value !== 'string') return [`-x -a ${quoted(value.join(' '))}`];
  return { none: [], file: ['-r -F'], any: ['-x'] }[value];
}

/** Of commands below the program: what the words so far may add up to. */
const commandPaths = (places: readonly Place[]): readonly string[] =>
  places.map(({ path }) => path).filter((path) => path.includes(' '));

/** The cases of a shell's \`case\` for options whose value comes next. */
function valueCases(
  places: readonly Place[],
  choose: (words: readonly string[]) => string,
  files: string,
  anything: string,
): string {
  return places
    .flatMap(({ path, options }) =>
      options
        .filter(({ value }) => value !== 'none')
        .map(({ names, value }) => {
          const act = typeof value !== 'string' ? choose(value) : value === 'file' ? files : anything;
          return `    ${alternatives(names.map((name) => `${path} ${name}`))}) ${act} ;;`;
        }),
    )
    .join('\n');
}

const alternatives = (texts: readonly string[]): string => texts.map(quoted).join('|');

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const fishQuoted = (text: string): string => `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
