// The examples that a command's help ends with. Whoever explains the program finds them here, and a test runs them.
import type { Command } from 'commander';

/** What it does, and the line as it is typed. */
export type Example = readonly [does: string, line: string];

const known = new WeakMap<Command, readonly Example[]>();

/** Adds them to the command's help; each line works as it stands, in a folder with the files that it names. */
export function addExamples(command: Command, examples: readonly Example[]): Command {
  known.set(command, examples);
  const lines = examples.map(([does, line]) => `  # ${does}\n  ${line}\n`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n').trimEnd()}`);
}

export const examplesOf = (command: Command): readonly Example[] => known.get(command) ?? [];
