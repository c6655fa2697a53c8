// `rkms token revoke`: takes a token's rights away for good. A running service heeds it within a second, on connections
// that are open, too. Whoever found a leaked token may give that instead of its public id; it is not repeated.
import type { Command } from 'commander';
import { parseAuthorization } from '../../../adapters/tokens/bearer-token.js';
import { revokeToken } from '../../../adapters/tokens/token-changes.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';

interface RevokeOptions extends ConfigOption {
  readonly json?: true;
}

/** Adds it to `tokens`, the command that the commands about tokens share. */
export function addTokenRevoke(command: Command): void {
  withConfigOption(command)
    .argument('<public id>', 'as rkms token list shows it, or the whole token')
    .option('--json', 'print JSON instead of a sentence')
    .action(revoke);
  addExamples(command, [['a token that leaked', 'rkms token revoke AAAABBBBCCCC']]);
}

function revoke(given: string, options: RevokeOptions): void {
  const { tokens_file: path } = loadConfig(options).auth;
  const publicId = parseAuthorization(`Bearer ${given}`)?.publicId ?? given;
  const { caller } = revokeToken(path, publicId, systemClock.nowMs());
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ id: publicId, caller, state: 'revoked' })}\n`
      : `The token ${publicId} of "${caller}" is revoked.\n`,
  );
}
