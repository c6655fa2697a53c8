// `rkms recover`: names the keys that the audit log says were created and that the store lacks. With --accept-lost, records in
// the audit log that they are lost for good, so that keys are created again. Never changes the store.
import { pino } from 'pino';
import { acceptLost } from '../../../adapters/audit-file/key-ledger.js';
import { allLoggedKeys } from '../../../adapters/audit-file/logged-keys.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { appendAuditEntry } from '../../../application/access/append-audit-entry.js';
import { AuditLog, type LossEntry } from '../../../ports/audit-log.js';
import { Clock } from '../../../ports/clock.js';
import { KeyRepository } from '../../../ports/key-repository.js';
import { missingKeys, recordedKeys, type RecordedKey } from '../../startup/known-keys-check.js';
import { requireGenesis } from '../../startup/prepare-store.js';
import { bindAdapters } from '../../wiring/container.js';
import { advised } from '../support/advice.js';
import { loadConfig } from '../support/command-config.js';
import { withContainer } from '../support/command-container.js';
import type { ConfigOption } from '../support/declare.js';
import { exitCodes } from '../support/exit-codes.js';
import { osAuthor } from '../support/os-author.js';

interface RecoverOptions extends ConfigOption {
  readonly acceptLost?: true;
  readonly json?: true;
}

/** How long looking up one key may take (ms). */
const limitMs = 5_000;
/** How many keys the line in the audit log repeats: as after a restore, the newest must be in the store. */
const repeatedKeys = 8;
const printedKeys = 20;

/** Exits with 0 when nothing is missing or the loss is accepted, 2 when keys are missing. */
export async function recover(options: RecoverOptions): Promise<void> {
  const config = loadConfig(options);
  const logger = pino({ level: 'silent' });
  const { checked, missing, accepted } = await withContainer(
    config,
    [bindAdapters(config, logger)],
    async (container) => {
      const repository = container.get(KeyRepository);
      const genesis = await requireGenesis(repository, config);
      const keys = await recordedKeys(config, genesis, allLoggedKeys);
      const find: KeyRepository['find'] = (id, version) =>
        repository.find(id, version, AbortSignal.timeout(limitMs));
      const sought = await missingKeys(find, keys, AbortSignal.timeout(limitMs));
      const lost = new Set(sought);
      const isAccepted = options.acceptLost === true && lost.size > 0;
      const latest = keys.filter((key) => !lost.has(key)).slice(-repeatedKeys);
      if (isAccepted) await accept(container.get(AuditLog), container.get(Clock), sought, latest);
      return { checked: keys.length, missing: sought, accepted: isAccepted };
    },
  );
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ checked, missing: missing.map(shown), accepted })}\n`
      : advised(textOf(checked, missing, accepted)),
  );
  process.exitCode = missing.length === 0 || accepted ? exitCodes.ok : exitCodes.findings;
}

async function accept(
  audit: AuditLog,
  clock: Clock,
  lost: readonly RecordedKey[],
  latest: readonly RecordedKey[],
): Promise<void> {
  const accepted: Record<string, number> = {};
  for (const { file, seq } of lost) accepted[file] = Math.max(seq, accepted[file] ?? 0);
  const entry: LossEntry = {
    timeMs: clock.nowMs(),
    ...osAuthor(),
    action: acceptLost,
    outcome: 'done',
    lost: lost.length,
    accepted,
    latest: latest.map(named),
  };
  const written = await appendAuditEntry(audit, entry, { clock });
  if (written.isErr()) throw new OperatorError('the audit log cannot be written', 'see rkms doctor');
}

const named = ({ id, version, time, store }: RecordedKey): LossEntry['latest'][number] => ({
  id,
  version,
  time,
  store,
});

const shown = ({ id, version, time }: RecordedKey): { id: string; version: number; time: string } => ({
  id,
  version,
  time,
});

function textOf(checked: number, missing: readonly RecordedKey[], accepted: boolean): string {
  if (missing.length === 0) return `The store has all ${checked} keys that the audit log names.\n`;
  const lines = missing.slice(-printedKeys).map(({ id, version, time }) => `  ${id} ${version} (${time})`);
  const more = missing.length - lines.length;
  return [
    `The store lacks ${missing.length} of ${checked} keys that the audit log names:`,
    ...(more > 0 ? [`  ${more} older ones (--json prints all)`] : []),
    ...lines,
    accepted
      ? 'The loss is recorded in the audit log. A running service creates keys again within seconds.'
      : 'Put the right store back. If these keys are lost for good, run: rkms recover --accept-lost',
    '',
  ].join('\n');
}
