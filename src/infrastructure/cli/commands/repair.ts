// `rkms repair`: walks over the store and brings every key back to full: copies that are missing are added, those that are
// proven unreadable replaced, and with --drop-removed those of regions that left the configuration are taken out.
import type { Command } from 'commander';
import {
  emptyRepairTally,
  whyUnfinished,
  withRepair,
  type RepairTally,
} from '../../../application/maintenance/repair-tally.js';
import type { KeyRepair } from '../../../application/maintenance/repair-key.js';
import { storedKeys } from '../../../application/maintenance/scan-keys.js';
import type { PageEntry } from '../../../ports/key-repository.js';
import { bindWalks, RepairKeyService, StoreCallsService } from '../../wiring/maintenance-bindings.js';
import { addCommand, loadConfig } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';
import { osAuthor } from '../support/os-author.js';
import { runScan } from '../scan/run-scan.js';
import { textTable } from '../support/text-table.js';
import { addScanOptions, type ScanOptions } from '../scan/scan-options.js';

interface RepairOptions extends ScanOptions {
  readonly dropRemoved?: boolean;
  readonly dryRun?: boolean;
}

export function addRepair(program: Command): void {
  const command = addCommand(
    program,
    'repair',
    'bring every key back to a good copy in every configured region',
  );
  addScanOptions(command)
    .option('--drop-removed', 'also take out copies of regions that left, where all others are proven good')
    .option('--dry-run', 'change nothing, and say what would be done')
    .action(repair);
  addExamples(command, [
    ['what would be done, without doing it', 'rkms repair --dry-run || true'],
    ['gently, beside a service under load', 'rkms repair --rate 50 --concurrency 4'],
    ['after a region left the configuration', 'rkms repair --drop-removed'],
  ]);
}

async function repair(options: RepairOptions): Promise<void> {
  const config = loadConfig(options);
  const choices = { dropRemoved: options.dropRemoved === true, dryRun: options.dryRun === true };
  const json = options.json === true;
  process.exitCode = await runScan<RepairTally, PageEntry>(config, options, {
    command: 'repair',
    choices: JSON.stringify(choices),
    modules: [bindWalks(config, osAuthor(), choices)],
    empty: emptyRepairTally,
    source: (container) => storedKeys(container.get(StoreCallsService)),
    visit: (container) => {
      const repairing = container.get(RepairKeyService);
      // Calls are bounded each by itself; what is under way when the walk stops is ended.
      const { signal } = new AbortController();
      return async (entry, note) => {
        const { record } = entry;
        const outcome = record.isOk() ? await repairing.repair(record.value, signal) : record.error.kind;
        note((tally) => withRepair(tally, `${entry.id} ${entry.version}`, outcome));
        if (json) printRepair(entry, outcome);
      };
    },
    report: (tally, isWhole) =>
      json
        ? `${JSON.stringify({ report: { finished: isWhole, well: isDone(tally, choices.dryRun), ...tally } })}\n`
        : textReport(tally, isWhole, choices.dryRun),
    isWell: (tally) => isDone(tally, choices.dryRun),
  });
}

/** Nothing is left to do. A dry run does nothing, so that whatever it would change is left. */
const isDone = ({ unfinished, changed }: RepairTally, dryRun: boolean): boolean =>
  unfinished === 0 && (!dryRun || changed === 0);

function printRepair({ id, version }: PageEntry, outcome: KeyRepair | string): void {
  if (typeof outcome === 'string') {
    process.stdout.write(`${JSON.stringify({ id, version, failure: outcome })}\n`);
    return;
  }
  const { added, replaced, dropped, left, failure } = outcome;
  const changed = added.length + replaced.length + dropped.length > 0;
  if (!changed && whyUnfinished(outcome) === undefined) return;
  const lacking = left.map((each) => ({ region: each.region, failure: each.failure.kind }));
  const facts = { id, version, added, replaced, dropped, left: lacking };
  process.stdout.write(`${JSON.stringify({ ...facts, ...(failure && { failure: failure.kind }) })}\n`);
}

function textReport(tally: RepairTally, isWhole: boolean, dryRun: boolean): string {
  const { checked, changed, unfinished, first, regions } = tally;
  const rows = Object.entries(regions).map(([region, { added, replaced, dropped, left }]) => [
    region,
    ...[added, replaced, dropped, left].map(String),
  ]);
  const verb = dryRun ? 'would be changed' : 'were changed';
  const title = `${checked} keys were looked at${isWhole ? '' : ' so far'}; ${changed} ${verb}, ${unfinished} still lack something.`;
  const head = ['region', 'added', 'replaced', 'dropped', 'left'];
  const counts = rows.length === 0 ? '' : textTable(head, rows, { right: [1, 2, 3, 4] });
  const rest =
    unfinished > first.length ? [`  and ${unfinished - first.length} more: --json names them all`] : [];
  const lines = [...first.map((line) => `  ${line}`), ...rest].map((line) => `${line}\n`);
  return `${title}\n${counts}${lines.join('')}`;
}
