// Declares the commands that work on stored keys: keys list, show and get, verify, repair, recover and import.
import { Option, type Command } from 'commander';
import { firstVersion } from '../../../domain/ids.js';
import {
  keyIdOf,
  keyVersionOf,
  patternOf,
  regionOf,
  repeated,
  shareOf,
  wholeNumber,
} from '../support/arguments.js';
import { loaded, withConfigOption } from '../support/declare.js';
import { addExamples } from '../support/examples.js';

export function addKeys(program: Command): void {
  const group = program.command('keys').description('list keys, show one, or print one');
  addExamples(group, [['the ids in the store', 'rkms keys list']]);
  addKeysList(group);
  addKeysShow(group);
  addKeysGet(group);
}

function addKeysList(group: Command): void {
  const command = group
    .command('list')
    .description('list the ids in the store and how many copies each has; never prints a key');
  withConfigOption(command)
    .option('--prefix <text>', 'only ids that start with this text')
    .option(
      '--pattern <pattern>',
      'only ids that match, for example billing/*; may be repeated',
      repeated(patternOf),
    )
    .option('--limit <n>', 'stop after this many keys', wholeNumber(1, 999_999_999))
    .option('--json', 'print JSON lines, one per key')
    .action(loaded(async () => (await import('../commands/keys-list.js')).listKeys));
  addExamples(command, [
    ['the keys of billing', "rkms keys list --pattern 'billing/**'"],
    ['the first ten, for a program', 'rkms keys list --limit 10 --json'],
  ]);
}

function addKeysShow(group: Command): void {
  const command = group
    .command('show')
    .description('show what the store holds for one id; never prints the key');
  withConfigOption(command)
    .argument('<id>', 'the id of the key', keyIdOf)
    .option('--version <n>', 'only this version', keyVersionOf)
    .option('--json', 'print JSON instead of tables')
    .action(loaded(async () => (await import('../commands/keys-show.js')).showKey));
  addExamples(command, [
    ['which regions hold the key, and under which KMS keys', 'rkms keys show orders/7'],
    ['the same for a program', 'rkms keys show orders/7 --json'],
  ]);
}

function addKeysGet(group: Command): void {
  const command = group.command('get').description('print one existing key; writes an audit entry');
  withConfigOption(command)
    .argument('<id>', 'the id of the key', keyIdOf)
    .option('--version <n>', 'the version of the key', keyVersionOf, firstVersion)
    .addOption(new Option('--base64', 'print the key as base64').conflicts(['raw', 'json']))
    .addOption(new Option('--raw', 'print the bytes of the key').conflicts('json'))
    .option('--json', 'print the answer of GET /key: {"id", "version", "key"}')
    .option('--to-terminal', 'print the key even if standard output is a terminal')
    .action(loaded(async () => (await import('../commands/keys-get.js')).getKey));
  addExamples(command, [
    ['into a program', 'rkms keys get orders/7 --base64 | wc -c'],
    ['into a file that only you can read', '(umask 077 && rkms keys get orders/7 --raw > orders-7.key)'],
  ]);
}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('open every copy of every key and report what is missing or damaged');
  // Only here: a sample cannot complete a repair or an import.
  withScanOptions(withConfigOption(command))
    .option('--sample <percent>', 'check a random sample of the keys, for example 1%', shareOf)
    .action(loaded(async () => (await import('../commands/verify.js')).verify));
  addExamples(command, [
    ['every copy of every key', 'rkms verify'],
    ['a nightly sample; the exit code is 2 if anything is wrong', 'rkms verify --sample 1% --json'],
  ]);
}

export function addRepair(program: Command): void {
  const command = program
    .command('repair')
    .description('give every key a good copy in every configured region');
  withScanOptions(withConfigOption(command))
    .option('--drop-removed', 'also drop copies of removed regions from keys that are complete without them')
    .option('--dry-run', 'print what would change, and change nothing')
    .action(loaded(async () => (await import('../commands/repair.js')).repair));
  addExamples(command, [
    ['what would change', 'rkms repair --dry-run || true'],
    ['slowly, while a service is under load', 'rkms repair --rate 50 --concurrency 4'],
    ['after a region was removed from the configuration', 'rkms repair --drop-removed'],
  ]);
}

export function addRecover(program: Command): void {
  const command = program
    .command('recover')
    .description('name the keys that the audit log says were created and that the store lacks');
  withConfigOption(command)
    .option('--accept-lost', 'record that they are lost for good: keys are created again, also for their ids')
    .option('--json', 'print JSON instead of text')
    .action(loaded(async () => (await import('../commands/recover.js')).recover));
  addExamples(command, [
    ['after a backup was restored: which keys does it lack', 'rkms recover'],
    ['for a program; the exit code is 2 if any is missing', 'rkms recover --json'],
  ]);
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('import the keys of the Go original from its DynamoDB table');
  withConfigOption(command)
    .requiredOption('--from-table <name>', 'the table to import from; it is never changed')
    .option(
      '--from-region <region>',
      'the region of that table (default: the region of your own table)',
      regionOf,
    )
    .option('--from-endpoint <url>', 'endpoint of that table: https, or http on this host');
  withScanOptions(command)
    .option('--dry-run', 'open and compare every key, and import none')
    .action(loaded(async () => (await import('../commands/import.js')).importKeys));
  addExamples(command, [
    ['what would be imported', 'rkms import --config aws.toml --from-table rkms_keys --dry-run'],
    ['at most 20 keys per second', 'rkms import --config aws.toml --from-table rkms_keys --rate 20'],
  ]);
}

/** The options that verify, repair and import share; `ScanOptions` has their values. Without --rate, only --concurrency limits a scan. */
const withScanOptions = (command: Command): Command =>
  command
    .option('--rate <n>', 'start at most this many keys per second', wholeNumber(1, 1_000_000))
    .option('--concurrency <n>', 'process this many keys at once', wholeNumber(1, 1_000), 16)
    .option('--resume', 'continue from the checkpoint of the last stopped run')
    .option('--json', 'print JSON lines: one per key with a problem or a change, then the report');
