// `rkms token list`: lists every token. Never prints a secret or its hash.
import { tokenState, type StoredToken, type TokenState } from '../../../adapters/tokens/stored-token.js';
import { readTokens } from '../../../adapters/tokens/token-entries.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { textTable } from '../support/text-table.js';

interface ListOptions extends ConfigOption {
  readonly json?: true;
}

/** One token as it is printed; times in ISO 8601. */
interface ListedToken {
  readonly id: string;
  readonly caller: string;
  readonly allow: readonly string[];
  readonly ids: readonly string[];
  readonly notBefore: string;
  readonly expires?: string;
  readonly state: TokenState;
}

export function listTokens(options: ListOptions): void {
  const { tokens_file: path } = loadConfig(options).auth;
  const nowMs = systemClock.nowMs();
  const listed = readTokens(path).map((token) => listedToken(token, nowMs));
  process.stdout.write(options.json ? `${JSON.stringify(listed, undefined, 2)}\n` : tableOf(listed));
}

const listedToken = (token: StoredToken, nowMs: number): ListedToken => ({
  id: token.publicId,
  caller: token.caller,
  allow: [...token.permissions],
  ids: token.ids.map(({ text }) => text),
  notBefore: new Date(token.notBeforeMs).toISOString(),
  ...(token.expiresMs === undefined ? {} : { expires: new Date(token.expiresMs).toISOString() }),
  state: tokenState(token, nowMs),
});

const tableOf = (listed: readonly ListedToken[]): string =>
  textTable(
    ['PUBLIC ID', 'CALLER', 'ALLOW', 'IDS', 'NOT BEFORE', 'EXPIRES', 'STATE'],
    listed.map(({ id, caller, allow, ids, notBefore, expires, state }) => [
      id,
      caller,
      allow.join(','),
      ids.join(','),
      upToMinutes(notBefore),
      expires === undefined ? 'never' : upToMinutes(expires),
      state,
    ]),
  );

const upToMinutes = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')}Z`;
