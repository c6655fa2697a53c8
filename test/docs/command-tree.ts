// Every command of `rkms` with its options, as its own --help tells them, and whether a command line that a page shows is one
// of them. The help is what people see: an option that works but is not in it is as good as not there.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

interface Command {
  readonly name: string;
  readonly options: ReadonlySet<string>;
  readonly commands: ReadonlyMap<string, Command>;
}

export type CommandTree = Command;

const run = promisify(execFile);

/** Asks the built program, command by command. */
export async function readCommandTree(
  program: string,
  path: readonly string[] = [],
  inherited: ReadonlySet<string> = new Set(),
): Promise<Command> {
  const { stdout } = await run(process.execPath, [program, ...path, '--help']);
  const options = new Set([...inherited, ...stdout.matchAll(/^ {2}(-\w), (--[\w-]+)/gm)].flat());
  for (const [, option = ''] of stdout.matchAll(/^ {2,6}(--[\w-]+)/gm)) options.add(option);
  const names = headings(stdout)
    .filter((title) => !['Arguments', 'Options', 'Examples'].includes(title))
    .flatMap((title) => section(stdout, title))
    .map((line) => /^ {2}([a-z][\w-]*)/.exec(line)?.[1])
    .filter((name) => name !== undefined && name !== 'help') as readonly string[];
  const commands: [string, Command][] = [];
  for (const name of names) commands.push([name, await readCommandTree(program, [...path, name], inherited)]);
  return { name: ['rkms', ...path].join(' '), options, commands: new Map(commands) };
}

/** Commands may stand in several groups. */
const headings = (help: string): readonly string[] =>
  [...help.matchAll(/^([A-Z].*):$/gm)].map(([, title = '']) => title);

const section = (help: string, title: string): readonly string[] =>
  (new RegExp(`^${title}:\\n((?: .*\\n|\\n(?= ))*)`, 'm').exec(help)?.[1] ?? '').split('\n');

/** What is wrong with the words after `rkms`, or undefined. A word may be a placeholder in angle brackets. */
export function wrongWith(tree: Command, words: readonly string[]): string | undefined {
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
