// `rkms token create`: makes a bearer token and prints its text, which is stored nowhere.
import { InvalidArgumentError, type Command } from 'commander';
import { ensurePrivateFolder } from '../../../adapters/files/private-files.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import { permissions, type Permission } from '../../../domain/access/caller.js';
import { everyId, parseIdPattern, type IdPattern } from '../../../domain/access/id-pattern.js';
import type { CallerId } from '../../../domain/ids.js';
import { storeNewToken } from '../../startup/first-token.js';
import { callerOf } from '../support/caller-argument.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';

const dayMs = 86_400_000;

interface TokenOptions extends ConfigOption {
  readonly caller: CallerId;
  readonly allow: readonly Permission[];
  readonly ids?: readonly IdPattern[];
  readonly expires: number;
  readonly json?: true;
}

/** Adds it to `tokens`, the command that the commands about tokens share. */
export function addTokenCreate(command: Command): void {
  withConfigOption(command)
    .requiredOption('--caller <name>', 'whom the token speaks for', callerOf)
    .requiredOption(
      '--allow <list>',
      `permissions, comma-separated: ${permissions.join(', ')}`,
      permissionsOf,
    )
    .option(
      '--ids <list>',
      'patterns of ids to read and create, comma-separated, as billing/* (default: **, every id)',
      patternsOf,
    )
    .option('--expires <days>', 'days until it expires, as 90d', daysOf, 90)
    .option('--json', 'print JSON instead of the token alone')
    .action(createToken);
  addExamples(command, [
    [
      'reads and makes keys for 90 days',
      "rkms token create --caller billing --allow read,create --ids 'billing/*'",
    ],
    ['for whoever is on call', 'rkms token create --caller on-call --allow operate --expires 30d'],
  ]);
}

function createToken(options: TokenOptions): void {
  const { caller, allow, ids = [everyId], expires } = options;
  const config = loadConfig(options);
  ensurePrivateFolder(config.data_dir);
  const nowMs = systemClock.nowMs();
  const expiresMs = nowMs + expires * dayMs;
  const token = storeNewToken(config, { caller, allow, ids, nowMs, expiresMs });
  const answer = { caller, token, expires: new Date(expiresMs).toISOString() };
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${token}\n`);
}

function permissionsOf(text: string): readonly Permission[] {
  return text.split(',').map((name) => {
    const known = permissions.find((permission) => permission === name);
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`Permissions are ${permissions.join(', ')}.`);
  });
}

function patternsOf(text: string): readonly IdPattern[] {
  return text.split(',').map((part) => {
    const pattern = parseIdPattern(part);
    if (pattern.isOk()) return pattern.value;
    throw new InvalidArgumentError(`Expected ${pattern.error.expected}.`);
  });
}

function daysOf(text: string): number {
  const [, days] = /^([1-9]\d{0,4})d?$/.exec(text) ?? [];
  if (days !== undefined) return Number(days);
  throw new InvalidArgumentError('Expected a number of days, as 90d.');
}
