// The examples at the end of each command's help. The reference in docs/ shows them too, and a test runs each of them.
import type { Command } from 'commander';

/** What it does, and the line to type. */
export type Example = readonly [does: string, line: string];

const known = new WeakMap<Command, readonly Example[]>();

/** Adds them to the command's help. Each line must work unchanged, in a folder that has the files it names. */
export function addExamples(command: Command, examples: readonly Example[]): Command {
  known.set(command, examples);
  const lines = examples.map(([does, line]) => `  # ${does}\n  ${line}\n`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n').trimEnd()}`);
}

export const examplesOf = (command: Command): readonly Example[] => known.get(command) ?? [];
