// Every command of `rkms` with its options, as its help shows them, and whether a command line that a page shows is one of
// them. An option that works but is not in the help is as good as not there.
import type { Command } from 'commander';
import { optionsOf, subcommands } from '../../src/infrastructure/cli/support/command-tree.js';
import { createProgram } from '../../src/infrastructure/cli/program.js';

interface KnownCommand {
  readonly name: string;
  readonly options: ReadonlySet<string>;
  readonly commands: ReadonlyMap<string, KnownCommand>;
}

export type CommandTree = KnownCommand;

const known = (command: Command, before: string): KnownCommand => {
  const name = `${before}${command.name()}`;
  return {
    name,
    options: new Set(optionsOf(command).flatMap(({ names }) => names)),
    commands: new Map(subcommands(command).map((each) => [each.name(), known(each, `${name} `)])),
  };
};

export const commandTree = (): CommandTree => known(createProgram('0.0.0'), '');

/** What is wrong with the words after `rkms`, or undefined. A word may be a placeholder in angle brackets. */
export function wrongWith(tree: CommandTree, words: readonly string[]): string | undefined {
  let command = tree;
  let rest = words;
  for (let next = command.commands.get(rest[0] ?? ''); next !== undefined;) {
    command = next;
    rest = rest.slice(1);
    next = command.commands.get(rest[0] ?? '');
  }
  const [first] = rest;
  if (command.commands.size > 0 && first !== undefined && !isOption(first) && !isLeftOut(first)) {
    return `${command.name} has no command "${first}"`;
  }
  const unknown = rest
    .map((word) => word.split('=')[0] ?? '')
    .find((word) => isOption(word) && !command.options.has(word));
  return unknown === undefined ? undefined : `${command.name} has no option ${unknown}`;
}

const isOption = (word: string): boolean => /^--?[a-z]/.test(word);
const isLeftOut = (word: string): boolean => /^(…|\.\.\.|help$)/.test(word) || word.includes('|');

/** The command lines of `rkms` in a shell text, as words; quotes are taken off, comments and redirections left out. */
export function commandLinesIn(shell: string): readonly (readonly string[])[] {
  const joined = shell.replaceAll(/\\\n/g, ' ');
  return joined.split('\n').flatMap((line) => {
    const words = line.match(/#.*$|'[^']*'|"(?:\\.|[^"])*"|\$\([^)]*\)|&&|\|\||[|;&]|[^\s'"|;&]+/g) ?? [];
    const lines: string[][] = [];
    let current: string[] | undefined;
    let begins = true;
    for (const word of words) {
      if (word.startsWith('#')) break;
      if (/^(?:&&|\|\||[|;&])$/.test(word)) [current, begins] = [undefined, true];
      else if (begins && /^\(?rkms$/.test(word)) [current, begins] = [[], false];
      else if (/^\d?[<>]/.test(word)) current = undefined;
      else if (current !== undefined) current.push(word.replaceAll(/^['"]|['"]$/g, ''));
      // Before a command stand variables; `--` and these words hand the rest of the line on to another one.
      else begins = word === '--' || /^(?:[A-Z_]+=.*|sudo|exec|time)$/.test(word);
      if (current?.length === 0) lines.push(current);
    }
    return lines;
  });
}
