// Adds the option --config of this command to the commands of ours that an advice names. Without it, the reader would run them
// on the embedded default: `rkms init` would create a store in the current folder.
import type { Command } from 'commander';

const ours =
  /\brkms (serve|init|doctor|verify|repair|import|recover|(?:keys|token|audit|access|config) [a-z]+)\b(?! --config)/g;

let option = '';

/** Remembers the option of the command that runs now. A file named by RKMS_CONFIG is named for later commands too. */
export function adviseFor(command: Command): void {
  const given = command.getOptionValueSource('config') === 'cli';
  option = given ? ` --config ${quoted(String(command.getOptionValue('config')))}` : '';
}

export const advised = (text: string): string => text.replaceAll(ours, (named) => named + option);

/** As a shell reads it. */
const quoted = (path: string): string =>
  /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
