// The command line as a whole: which commands there are, in which order people read them, and how a mistake in it is told.
// What a command does is in commands/, one file each.
import { Command } from 'commander';
import { allCommands } from './support/command-tree.js';
import { addAccessExplain } from './commands/access-explain.js';
import { addAuditVerify } from './commands/audit-verify.js';
import { addCompletion } from './commands/completion.js';
import { addConfigCheck } from './commands/config-check.js';
import { addConfigShow } from './commands/config-show.js';
import { addDoctor } from './commands/doctor.js';
import { addExamples } from './support/examples.js';
import { addImport } from './commands/import.js';
import { addInit } from './commands/init.js';
import { addKeysGet } from './commands/keys-get.js';
import { addKeysList } from './commands/keys-list.js';
import { addKeysShow } from './commands/keys-show.js';
import { addRepair } from './commands/repair.js';
import { addServe } from './commands/serve.js';
import { addTokenCreate } from './commands/token-create.js';
import { addTokenList } from './commands/token-list.js';
import { addTokenRevoke } from './commands/token-revoke.js';
import { addVerify } from './commands/verify.js';

/** `rkms`, ready to parse; mistakes in the arguments are told on stderr and thrown as a CommanderError. */
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
    .exitOverride();
  program.commandsGroup('Run the service:');
  addServe(program);
  addInit(program);
  program.commandsGroup('Set it up and look for faults:');
  addDoctor(program);
  addConfig(program);
  addAudit(program);
  program.commandsGroup('Keys:');
  addKeys(program);
  addVerify(program);
  addRepair(program);
  addImport(program);
  program.commandsGroup('Callers:');
  addToken(program);
  addAccess(program);
  program.commandsGroup('This program:');
  addCompletion(program);
  program.helpCommand('help [command]', 'say more about a command');
  addExamples(program, [
    ['serve keys of this machine, for trying RKMS', 'rkms serve'],
    ['what is wrong, and what to do', 'rkms doctor --config aws.toml'],
    ['what is wrong with a configuration', 'rkms config check --config aws.toml'],
    ['what a command does, with examples', 'rkms verify --help'],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: 0 well, 1 refused or failed, 2 found something, 3 stopped, 4 warnings only, 64 the command line is wrong.',
  );
  for (const { command, path } of allCommands(program)) {
    if (command !== program) command.helpCommand(false);
    command.showHelpAfterError(`  ${path} --help says how it is used`);
  }
  return program;
}

function addConfig(program: Command): void {
  const config = program.command('config').description('the configuration: check it, show what holds');
  addConfigCheck(config);
  addConfigShow(config);
  addExamples(config, [['all that is wrong, with the line', 'rkms config check --config aws.toml']]);
}

function addAudit(program: Command): void {
  const audit = program.command('audit').description('the audit log: is it as it was written?');
  addAuditVerify(audit);
  addExamples(audit, [['hold the log against its hash chain', 'rkms audit verify']]);
}

function addKeys(program: Command): void {
  const keys = program.command('keys').description('keys: list them, show one, give one out');
  addKeysList(keys);
  addKeysShow(keys);
  addKeysGet(keys);
  addExamples(keys, [['the ids in the store', 'rkms keys list']]);
}

function addToken(program: Command): void {
  const tokens = program.command('token').description('bearer tokens of callers: make, list, revoke');
  addTokenCreate(tokens);
  addTokenList(tokens);
  addTokenRevoke(tokens);
  addExamples(tokens, [['the tokens that there are', 'rkms token list']]);
}

function addAccess(program: Command): void {
  const access = program.command('access').description('what callers may do, and by which line');
  addAccessExplain(access);
  addExamples(access, [
    ['may billing read this key?', 'rkms access explain --caller billing --id billing/42'],
  ]);
}
