// `rkms access explain`: what a caller may do to an id, and by which line of the configuration or which token.
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { readTokens } from '../../../adapters/tokens/token-entries.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import type { CallerId, KeyId } from '../../../domain/ids.js';
import { callerGrants } from '../../config/schema/callers.js';
import { isRecognised } from '../../config/schema/identities.js';
import { explainAccess, type ExplainedPermission } from './explain-access.js';
import { callerOf } from '../support/caller-argument.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';
import { keyIdOf } from '../support/arguments.js';
import { textTable } from '../support/text-table.js';

interface ExplainOptions extends ConfigOption {
  readonly caller: CallerId;
  readonly id: KeyId;
  readonly json?: true;
}

/** Adds it to `access`, the command that the commands about rights share. */
export function addAccessExplain(command: Command): void {
  withConfigOption(command)
    .requiredOption('--caller <name>', 'who asks', callerOf)
    .requiredOption('--id <id>', 'the id of a key; it need not exist', keyIdOf)
    .option('--json', 'print JSON instead of a table')
    .action(explain);
  addExamples(command, [
    ['may billing read this key?', 'rkms access explain --caller billing --id billing/42'],
  ]);
}

function explain(options: ExplainOptions): void {
  const { caller, id, json } = options;
  const config = loadConfig(options);
  const recognised = isRecognised(config.callers, caller);
  const tokens =
    recognised && !existsSync(config.auth.tokens_file) ? [] : readTokens(config.auth.tokens_file);
  const explained = explainAccess(
    { caller, id, recognised },
    callerGrants(config.callers),
    tokens,
    systemClock.nowMs(),
  );
  const answer = { caller, id, permissions: explained };
  process.stdout.write(json ? `${JSON.stringify(answer, undefined, 2)}\n` : tableOf(explained));
}

/** One row per permission; what a further token says of it is on a line of its own below. */
const tableOf = (explained: readonly ExplainedPermission[]): string =>
  textTable(
    ['PERMISSION', 'ALLOWED', 'BY'],
    explained.flatMap(({ permission, allowed, by }) =>
      by.map((line, index) => (index === 0 ? [permission, allowed ? 'yes' : 'no', line] : ['', '', line])),
    ),
  );
