// The command line as a whole: its commands, in the order in which help lists them, and how mistakes in it are reported. Loads
// only declarations; the code of a command is loaded when it runs.
import { Command } from 'commander';
import { addAccess, addToken } from './declarations/callers.js';
import { addCompletion } from './declarations/completion.js';
import { addAudit, addConfig, addDoctor } from './declarations/diagnosis.js';
import { addImport, addKeys, addRecover, addRepair, addVerify } from './declarations/keys.js';
import { addInit, addServe } from './declarations/service.js';
import { adviseFor } from './support/advice.js';
import { allCommands } from './support/command-tree.js';
import { addExamples } from './support/examples.js';

/** `rkms`, ready to parse. Mistakes in the arguments are reported on stderr and thrown as a CommanderError. */
export function createProgram(version: string): Command {
  const program = new Command('rkms')
    .description('Reliable Key Management Service: data keys that any one of several regions can open')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      outputError: (text, write) => {
        write(text.replace(/^error: /, 'rkms: '));
      },
    })
    .enablePositionalOptions()
    .hook('preAction', (_, command) => {
      adviseFor(command);
    })
    .exitOverride();
  addCommands(program);
  addExamples(program, [
    ['serve keys on this machine, to try RKMS', 'rkms serve'],
    ['find out what is wrong and how to fix it', 'rkms doctor --config aws.toml'],
    ['check a configuration', 'rkms config check --config aws.toml'],
    ['explain a command, with examples', 'rkms verify --help'],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: 0 success, 1 refused or failed, 2 findings, 3 interrupted, 4 warnings only, 64 wrong usage.',
  );
  for (const { command, path } of allCommands(program)) {
    if (command !== program) command.helpCommand(false);
    command.showHelpAfterError(`  ${path} --help explains how to use it`);
  }
  return program;
}

function addCommands(program: Command): void {
  const groups: readonly (readonly [heading: string, add: readonly ((program: Command) => void)[]])[] = [
    ['Run the service:', [addServe, addInit]],
    ['Configure and diagnose:', [addDoctor, addConfig, addAudit]],
    ['Keys:', [addKeys, addVerify, addRepair, addRecover, addImport]],
    ['Callers:', [addToken, addAccess]],
    ['This program:', [addCompletion]],
  ];
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading);
    for (const add of commands) add(program);
  }
  program.helpCommand('help [command]', 'explain a command');
}
