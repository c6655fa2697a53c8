// The command line as data, for whoever explains it: completion scripts and the reference in docs/. Read off commander's own
// objects, as its help is.
import { Help, type Command } from 'commander';

/** A command, and how it is called. */
export interface NamedCommand {
  readonly command: Command;
  /** As `rkms keys get`. */
  readonly path: string;
}

/** The program and every command that its help shows, in the order of the help. */
export function allCommands(command: Command, before = ''): readonly NamedCommand[] {
  const path = `${before}${command.name()}`;
  return [{ command, path }, ...subcommands(command).flatMap((each) => allCommands(each, `${path} `))];
}

/** Without the command `help`, which is commander's own. */
export const subcommands = (command: Command): readonly Command[] =>
  new Help().visibleCommands(command).filter((each) => command.commands.includes(each));

export interface CommandOption {
  /** As `--config` and `-c`. */
  readonly names: readonly string[];
  readonly description: string;
  /** What follows it: nothing, a file, one of some words, or anything. */
  readonly value: 'none' | 'file' | 'any' | readonly string[];
}

export const optionsOf = (command: Command): readonly CommandOption[] =>
  new Help().visibleOptions(command).map(({ short, long, description, flags, argChoices, required }) => ({
    names: [long, short].filter((name) => name !== undefined),
    description,
    value: argChoices ?? (!required ? 'none' : /<(file|path)/.test(flags) ? 'file' : 'any'),
  }));

/** The words that the arguments of a command are chosen from. */
export const argumentWords = (command: Command): readonly string[] =>
  new Help().visibleArguments(command).flatMap(({ argChoices = [] }) => argChoices);
