// `rkms access explain`: explains what a caller may do with an id, and which line of the
// configuration or which token decides it.
import { existsSync } from 'node:fs';
import { readTokens } from '../../../adapters/tokens/token-entries.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import type { CallerId, KeyId } from '../../../domain/ids.js';
import { callerGrants } from '../../config/schema/callers.js';
import { isRecognised } from '../../config/schema/identities.js';
import { explainAccess, type ExplainedPermission } from './explain-access.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { textTable } from '../support/text-table.js';

interface ExplainOptions extends ConfigOption {
  readonly caller: CallerId;
  readonly id: KeyId;
  readonly json?: true;
}

export function explain(options: ExplainOptions): void {
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

/** One row per permission; each further token that decides about it has a row below. */
const tableOf = (explained: readonly ExplainedPermission[]): string =>
  textTable(
    ['PERMISSION', 'ALLOWED', 'BY'],
    explained.flatMap(({ permission, allowed, by }) =>
      by.map((line, index) => (index === 0 ? [permission, allowed ? 'yes' : 'no', line] : ['', '', line])),
    ),
  );
