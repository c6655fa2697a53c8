// `rkms token create`: creates a bearer token and prints it once. Only its hash is stored.
import { fstatSync, statSync } from 'node:fs';
import { devNull } from 'node:os';
import { ensurePrivateFolder } from '../../../adapters/files/private-files.js';
import { revokeToken } from '../../../adapters/tokens/token-changes.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import type { Permission } from '../../../domain/access/caller.js';
import { everyId, type IdPattern } from '../../../domain/access/id-pattern.js';
import type { CallerId } from '../../../domain/ids.js';
import { storeNewToken } from '../../startup/first-token.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';

const dayMs = 86_400_000;

interface TokenOptions extends ConfigOption {
  readonly caller: CallerId;
  readonly allow: readonly Permission[];
  readonly ids?: readonly IdPattern[];
  readonly expires: number;
  readonly json?: true;
}

export function createToken(options: TokenOptions): void {
  const { caller, allow, ids = [everyId], expires } = options;
  const config = loadConfig(options);
  // Node opens /dev/null where standard output is closed.
  if (fstatSync(1).rdev === statSync(devNull).rdev) {
    throw new OperatorError(
      `standard output is closed, or ${devNull}: nobody would receive the token, so none was created`,
      'let it go to a terminal, a pipe or a file',
    );
  }
  ensurePrivateFolder(config.data_dir);
  const nowMs = systemClock.nowMs();
  const expiresMs = nowMs + expires * dayMs;
  const { text: token, publicId } = storeNewToken(config, { caller, allow, ids, nowMs, expiresMs });
  const answer = { caller, token, expires: new Date(expiresMs).toISOString() };
  // Before the error of the stream ends the command: a token that was not received must not be valid.
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${token}\n`, (failure) => {
    if (failure) revokeToken(config.auth.tokens_file, publicId, systemClock.nowMs());
  });
}
