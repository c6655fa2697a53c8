// Declares the commands that check a deployment: doctor, config and audit.
import { Option, type Command } from 'commander';
import { anchorOf, repeated, secondsOf } from '../support/arguments.js';
import { loaded, withConfigOption } from '../support/declare.js';
import { addExamples } from '../support/examples.js';

const doctorHelp = `
Checks the configuration, the environment, credentials and clock, every region with its KMS key and each permission, the store,
the audit log, TLS files, tokens and issuers. Changes nothing; may run beside the service. Run it as the user of the service.

The exit code is 0 when everything is ok, 4 when there are warnings only, 2 when something is broken.
`;

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('check everything the service needs; report what is wrong and how to fix it');
  withConfigOption(command)
    .option('--limit <seconds>', 'time limit for each region and each issuer', secondsOf, 5)
    .option('--reads-only', 'check a process that only reads keys: permissions to create keys are not needed')
    .option('--json', 'print JSON instead of a table')
    .addHelpText('after', doctorHelp)
    .action(loaded(async () => (await import('../commands/doctor.js')).doctor));
  addExamples(command, [
    ['what is wrong with a deployment, and how to fix it', 'rkms doctor --config aws.toml'],
    ['for programs; the exit code is 2 if anything is broken', 'rkms doctor --config aws.toml --json'],
    ['with a shorter time limit', 'rkms doctor --limit 2'],
  ]);
}

export function addConfig(program: Command): void {
  const group = program.command('config').description('check the configuration, or show the effective one');
  addExamples(group, [['all problems, with their lines', 'rkms config check --config aws.toml']]);
  const check = group
    .command('check')
    .description('report every problem of the configuration, with its line');
  withConfigOption(check)
    .option('--json', 'print JSON instead of lines')
    .action(loaded(async () => (await import('../commands/config-check.js')).checkConfig));
  addExamples(check, [
    ['the configuration that `rkms serve` would use', 'rkms config check'],
    [
      'before a roll-out; the exit code is 2 if anything is wrong',
      'rkms config check --config aws.toml --json',
    ],
  ]);
  const show = group
    .command('show')
    .description('show the effective configuration and where each value comes from');
  withConfigOption(show)
    .option('--json', 'print JSON instead of a table')
    .addOption(new Option('--toml', 'print a complete configuration file with every value').conflicts('json'))
    .action(loaded(async () => (await import('../commands/config-show.js')).showConfig));
  addExamples(show, [
    ['all values of the embedded default', 'rkms config show'],
    [
      'the values that the environment sets',
      "rkms config show --config aws.toml | grep RKMS_ || echo 'none'",
    ],
    ['a file with every value in it', 'rkms config show --toml > whole.toml'],
  ]);
}

export function addAudit(program: Command): void {
  const group = program.command('audit').description('check the integrity of the audit log');
  addExamples(group, [['check the log against its hash chain', 'rkms audit verify']]);
  const verify = group.command('verify').description('check that the audit log is unchanged and complete');
  withConfigOption(verify)
    .option('--file <path...>', 'check only these files, in this order, instead of the configured log')
    .option(
      '--anchor <seq:hash>',
      'require that the log contains this entry, noted earlier; may be repeated',
      repeated(anchorOf),
    )
    .option('--json', 'print JSON instead of text')
    .action(loaded(async () => (await import('../commands/audit-verify.js')).verifyAuditLog));
  addExamples(verify, [
    ['the whole log of the configuration', 'rkms audit verify'],
    ['one file, for a program', 'rkms audit verify --file data/audit.jsonl --json'],
  ]);
}
