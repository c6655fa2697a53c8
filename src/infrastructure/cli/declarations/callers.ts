// Declares the commands about callers: token and access.
import type { Command } from 'commander';
import { permissions } from '../../../domain/access/caller.js';
import { callerOf, daysOf, keyIdOf, patternsOf, permissionsOf } from '../support/arguments.js';
import { loaded, withConfigOption } from '../support/declare.js';
import { addExamples } from '../support/examples.js';

export function addToken(program: Command): void {
  const group = program.command('token').description('create, list and revoke the bearer tokens of callers');
  addExamples(group, [['all tokens', 'rkms token list']]);
  addTokenCreate(group);
  const list = group
    .command('list')
    .description('list the tokens: public id, caller, permissions and state; never a secret');
  withConfigOption(list)
    .option('--json', 'print JSON instead of a table')
    .action(loaded(async () => (await import('../commands/token-list.js')).listTokens));
  addExamples(list, [['who has which permissions, and until when', 'rkms token list']]);
  const revoke = group.command('revoke').description('revoke a token for good');
  withConfigOption(revoke)
    .argument('<public id>', 'the public id that rkms token list shows, or the whole token')
    .option('--json', 'print JSON instead of a sentence')
    .action(loaded(async () => (await import('../commands/token-revoke.js')).revoke));
  addExamples(revoke, [['a token that leaked', 'rkms token revoke AAAABBBBCCCC']]);
}

function addTokenCreate(group: Command): void {
  const command = group.command('create').description('create a token and print it once');
  withConfigOption(command)
    .requiredOption('--caller <name>', 'the caller that the token identifies', callerOf)
    .requiredOption(
      '--allow <list>',
      `permissions, comma-separated: ${permissions.join(', ')}`,
      permissionsOf,
    )
    .option(
      '--ids <list>',
      'patterns of ids to read and create, comma-separated, for example billing/* (default: **, every id)',
      patternsOf,
    )
    .option('--expires <days>', 'days until it expires, for example 90d', daysOf, 90)
    .option('--json', 'print JSON instead of only the token')
    .action(loaded(async () => (await import('../commands/token-create.js')).createToken));
  addExamples(command, [
    [
      'read and create keys for 90 days',
      "rkms token create --caller billing --allow read,create --ids 'billing/*'",
    ],
    ['for the engineer on call', 'rkms token create --caller on-call --allow operate --expires 30d'],
  ]);
}

export function addAccess(program: Command): void {
  const group = program.command('access').description('explain what a caller may do, and which rule decides');
  const example = [
    'may billing read this key?',
    'rkms access explain --caller billing --id billing/42',
  ] as const;
  addExamples(group, [example]);
  const explain = group
    .command('explain')
    .description('explain what a caller may do with an id, and which rule decides');
  withConfigOption(explain)
    .requiredOption('--caller <name>', 'the caller', callerOf)
    .requiredOption('--id <id>', 'the id of a key; the key need not exist', keyIdOf)
    .option('--json', 'print JSON instead of a table')
    .action(loaded(async () => (await import('../commands/access-explain.js')).explain));
  addExamples(explain, [example]);
}
