// The command line as data, for completion scripts and the reference in docs/. Read from commander's own objects, as help is.
import { Help, type Command } from 'commander';

/** A command, and how it is called. */
export interface NamedCommand {
  readonly command: Command;
  /** For example `rkms keys get`. */
  readonly path: string;
}

/** The program and every command that its help shows, in the order of the help. */
export function allCommands(command: Command, before = ''): readonly NamedCommand[] {
  const path = `${before}${command.name()}`;
  return [{ command, path }, ...subcommands(command).flatMap((each) => allCommands(each, `${path} `))];
}

/** Without commander's own command `help`. */
export const subcommands = (command: Command): readonly Command[] =>
  new Help().visibleCommands(command).filter((each) => command.commands.includes(each));

export interface CommandOption {
  /** For example `--config` and `-c`. */
  readonly names: readonly string[];
  readonly description: string;
  /** The value that follows it: none, a file, one of the listed words, or any text. */
  readonly value: 'none' | 'file' | 'any' | readonly string[];
}

export const optionsOf = (command: Command): readonly CommandOption[] =>
  new Help().visibleOptions(command).map(({ short, long, description, flags, argChoices, required }) => ({
    names: [long, short].filter((name) => name !== undefined),
    description,
    value: argChoices ?? (!required ? 'none' : /<(file|path)/.test(flags) ? 'file' : 'any'),
  }));

/** The choices for the arguments of a command. */
export const argumentWords = (command: Command): readonly string[] =>
  new Help().visibleArguments(command).flatMap(({ argChoices = [] }) => argChoices);
