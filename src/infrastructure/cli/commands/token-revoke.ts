// `rkms token revoke`: revokes a token for good. A running service applies it within a second, on open connections too. The
// argument may be the whole token, for example one that leaked; only its public id is printed.
import { parseAuthorization } from '../../../adapters/tokens/bearer-token.js';
import { revokeToken } from '../../../adapters/tokens/token-changes.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';

interface RevokeOptions extends ConfigOption {
  readonly json?: true;
}

export function revoke(given: string, options: RevokeOptions): void {
  const { tokens_file: path } = loadConfig(options).auth;
  const publicId = parseAuthorization(`Bearer ${given}`)?.publicId ?? given;
  const { caller } = revokeToken(path, publicId, systemClock.nowMs());
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ id: publicId, caller, state: 'revoked' })}\n`
      : `The token ${publicId} of "${caller}" is revoked.\n`,
  );
}
