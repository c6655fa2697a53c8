// The command line as it explains itself: help with examples, completion for three shells, mistakes that are told clearly.
// Nothing here starts the program; test/infrastructure/cli/commands.test.ts does.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { CommanderError } from 'commander';
import {
  allCommands,
  argumentWords,
  optionsOf,
  subcommands,
} from '../../../src/infrastructure/cli/support/command-tree.js';
import { examplesOf } from '../../../src/infrastructure/cli/support/examples.js';
import { completionScript } from '../../../src/infrastructure/cli/commands/completion-script.js';
import { shells } from '../../../src/infrastructure/cli/support/arguments.js';
import { createProgram } from '../../../src/infrastructure/cli/program.js';
import { Leftovers } from '../../support/leftovers.js';

const leftovers = new Leftovers();
afterAll(() => leftovers.clear());

const program = createProgram('1.2.3');
const commands = allCommands(program);
const leaves = commands.filter(({ command }) => subcommands(command).length === 0);

/** What a line prints, and how it ends, without running what it asks for. */
function said(...args: readonly string[]): {
  readonly out: string;
  readonly err: string;
  readonly end: unknown;
} {
  let [out, err] = ['', ''];
  const output = { writeOut: (text: string) => (out += text), writeErr: (text: string) => (err += text) };
  for (const { command } of allCommands(program)) command.configureOutput(output);
  try {
    program.parse(args, { from: 'user' });
    return { out, err, end: undefined };
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    return { out, err, end: cause.exitCode };
  }
}

describe('the help', () => {
  it.each(commands)('of $path has a description and examples, and shows them', ({ command, path }) => {
    const { out, end } = said(...path.split(' ').slice(1), '--help');
    const examples = examplesOf(command);
    expect([command.description() === '', examples.length > 0, end]).toEqual([false, true, 0]);
    for (const [does, line] of examples) expect(out).toContain(`  # ${does}\n  ${line}\n`);
    expect(out).not.toContain(process.cwd());
  });

  it('lists the commands in groups', () => {
    const headings = said('--help').out.match(/^\S.*:$/gm);
    expect(headings).toEqual([
      'Options:',
      'Run the service:',
      'Configure and diagnose:',
      'Keys:',
      'Callers:',
      'This program:',
      'Examples:',
    ]);
  });

  it('names each option with what it is for', () => {
    const mute = commands.flatMap(({ command, path }) =>
      optionsOf(command).flatMap(({ names, description }) => (description === '' ? [[path, names]] : [])),
    );
    expect(mute).toEqual([]);
  });

  it('offers --json wherever something is reported', () => {
    const without = leaves.filter(
      ({ command }) => !optionsOf(command).some(({ names }) => names.includes('--json')),
    );
    // The one goes on and writes a log, the other writes a script.
    expect(without.map(({ path }) => path)).toEqual(['rkms serve', 'rkms completion']);
  });
});

describe('a mistake in the command line', () => {
  it.each([
    [
      ['verfy'],
      "rkms: unknown command 'verfy'\n(Did you mean verify?)\n  rkms --help explains how to use it\n",
    ],
    [
      ['keys', 'gte'],
      "rkms: unknown command 'gte'\n(Did you mean get?)\n  rkms keys --help explains how to use it\n",
    ],
    [
      ['verify', '--smaple', '1%'],
      "rkms: unknown option '--smaple'\n(Did you mean --sample?)\n  rkms verify --help explains how to use it\n",
    ],
    [
      ['completion', 'csh'],
      "rkms: command-argument value 'csh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n" +
        '  rkms completion --help explains how to use it\n',
    ],
    [
      ['keys', 'show'],
      "rkms: missing required argument 'id'\n  rkms keys show --help explains how to use it\n",
    ],
    [
      ['keys', 'show', '../x'],
      "rkms: command-argument value '../x' is invalid for argument 'id'. An id has 1 to 255 characters of " +
        'A-Z a-z 0-9 . _ : / - @ + =, starting with a letter or digit.\n  rkms keys show --help explains how to use it\n',
    ],
    [
      ['config', 'show', '--json', '--toml'],
      "rkms: option '--toml' cannot be used with option '--json'\n  rkms config show --help explains how to use it\n",
    ],
    [
      ['keys', 'get', 'a', '--raw', '--json'],
      "rkms: option '--raw' cannot be used with option '--json'\n  rkms keys get --help explains how to use it\n",
    ],
  ])('as %j is told, and nothing is done', (args, err) => {
    expect(said(...args)).toEqual({ out: '', err, end: 1 });
  });

  it('never makes a key appear: without a form there is none, and a command is no group', () => {
    expect([said('keys').end, said().end]).toEqual([1, 1]);
    expect(said('keys').err).toContain('Usage: rkms keys');
  });
});

describe.each(shells)('the completion script for %s', (shell) => {
  const script = completionScript(program, shell);

  it('knows every command, every option and every word to choose', () => {
    for (const { command } of commands) {
      const words = [
        ...subcommands(command).map((each) => each.name()),
        ...argumentWords(command),
        ...optionsOf(command).flatMap(({ names }) => names),
      ];
      for (const word of words) {
        const spelled = shell === 'fish' ? word.replace(/^--/, '-l ').replace(/^-(?=\w$)/, '-s ') : word;
        expect([word, script.includes(spelled)]).toEqual([word, true]);
      }
    }
  });

  const exists = spawnSync(shell, ['-c', 'true']).status === 0;
  (exists ? it : it.skip)('is accepted by the shell', () => {
    const path = join(leftovers.folder(), 'rkms');
    writeFileSync(path, script);
    const { status, stderr } = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});

describe('bash, having read the script', () => {
  const script = completionScript(program, 'bash');
  const completed = (...words: readonly string[]): readonly string[] => {
    const line = words.map((word) => `'${word}'`).join(' ');
    const input = `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _rkms\nprintf '%s\\n' "\${COMPREPLY[@]}"\n`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-s'], { input, encoding: 'utf8' });
    return [...(stderr ? [stderr] : []), ...stdout.split('\n').filter(Boolean)];
  };

  it.each([
    [['rkms', 've'], ['verify']],
    [
      ['rkms', 'keys', ''],
      ['list', 'show', 'get', '-h', '--help'],
    ],
    [['rkms', 'keys', 'get', 'orders/7', '--b'], ['--base64']],
    [['rkms', 'token', 'create', '--e'], ['--expires']],
    [
      ['rkms', 'completion', ''],
      ['bash', 'zsh', 'fish', '-h', '--help'],
    ],
    [['rkms', 'verify', '--config', 'config/rk'], ['config/rkms.toml']],
    [['rkms', 'verify', '-c', 'config/a'], ['config/aws.toml']],
    [['rkms', 'verify', '--rate', ''], []],
    [['rkms', 'nonsense', 've'], ['verify']],
  ])('completes %j', (words, expected) => {
    expect([...completed(...words)].sort()).toEqual([...expected].sort());
  });
});
