// `rkms repair`: gives every key a good copy in every configured region. Adds missing copies, replaces those proven
// unreadable, and with --drop-removed removes copies of regions that are no longer configured.
import { repairFinding, type KeyRepair } from '../../../application/maintenance/repair-key.js';
import { storedKeys } from '../../../application/maintenance/scan-keys.js';
import { hasProblems, type Tally } from '../../../application/maintenance/tally.js';
import type { PageEntry } from '../../../ports/key-repository.js';
import { bindMaintenance, RepairKeyService, StoreCallsService } from '../../wiring/maintenance-bindings.js';
import { loadConfig } from '../support/command-config.js';
import { osAuthor } from '../support/os-author.js';
import { runScan } from '../scan/run-scan.js';
import type { ScanOptions } from '../scan/scan-options.js';
import type { ReportTexts } from '../scan/scan-report.js';

interface RepairOptions extends ScanOptions {
  readonly dropRemoved?: boolean;
  readonly dryRun?: boolean;
}

/** Exits with 0 when nothing is left to repair, 2 when something is, 3 when stopped, 1 when the store cannot be read. */
export async function repair(options: RepairOptions): Promise<void> {
  const config = loadConfig(options);
  const choices = { dropRemoved: options.dropRemoved === true, dryRun: options.dryRun === true };
  process.exitCode = await runScan<PageEntry>(config, options, {
    command: 'repair',
    choices: JSON.stringify(choices),
    writes: !choices.dryRun,
    modules: [bindMaintenance(config, osAuthor(), choices)],
    source: (container) => storedKeys(container.get(StoreCallsService)),
    visit: (container) => {
      const repairing = container.get(RepairKeyService);
      return async (entry, signal) => {
        const { record } = entry;
        const result = record.isOk() ? await repairing.repair(record.value, signal) : record.error.kind;
        const finding = repairFinding(`${entry.id} ${entry.version}`, result);
        const isNews = finding.problem !== undefined || finding.outcomes?.includes('changed');
        return { finding, line: isNews ? lineOf(entry, result) : undefined };
      };
    },
    texts: textsFor(choices.dryRun),
    // A dry run changes nothing, so what it would change is still to do.
    isOk: (tally) => !hasProblems(tally) && (!choices.dryRun || changedIn(tally) === 0),
  });
}

const changedIn = ({ outcomes }: Tally): number => outcomes['changed'] ?? 0;

/** With --json: what changed, and what could not be repaired; `result` is a failure's kind for an unreadable record. */
function lineOf({ id, version }: PageEntry, result: KeyRepair | string): object {
  if (typeof result === 'string') return { id, version, failure: result };
  const { added, replaced, dropped, failure } = result;
  const failed = result.failed.map((each) => ({ region: each.region, failure: each.failure.kind }));
  return { id, version, added, replaced, dropped, failed, ...(failure && { failure: failure.kind }) };
}

/** The table counts copies, the summary counts keys. */
const textsFor = (dryRun: boolean): ReportTexts => ({
  summary: (tally, soFar) => {
    const incomplete = Object.values(tally.problems).reduce((sum, { count }) => sum + count, 0);
    const changed = `${changedIn(tally)} ${dryRun ? 'would change' : 'changed'}`;
    return [
      `${tally.checked} keys checked${soFar}: ${changed}, ${incomplete} cannot be repaired completely.`,
    ];
  },
  columns: ['added', 'replaced', 'dropped', 'failed'],
  problems: { incomplete: 'incomplete: a region has no good copy, or could not be checked' },
  otherProblem: (kind) => kind,
});
