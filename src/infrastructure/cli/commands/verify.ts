// `rkms verify`: opens every copy of every key, or of a sample, in its region, and reports what was found. Changes nothing.
import type { Command } from 'commander';
import {
  emptyTally,
  isAllWell,
  tallied,
  troubleOf,
  type Trouble,
  type VerifyTally,
} from '../../../application/maintenance/verify-tally.js';
import { storedKeys } from '../../../application/maintenance/scan-keys.js';
import type { CopyCheck } from '../../../domain/keys/copy-check.js';
import type { PageEntry } from '../../../ports/key-repository.js';
import { bindWalks, StoreCallsService, VerifyKeyService } from '../../wiring/maintenance-bindings.js';
import { addCommand, loadConfig } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';
import { osAuthor } from '../support/os-author.js';
import { runScan } from '../scan/run-scan.js';
import { textTable } from '../support/text-table.js';
import { addSampleOption, addScanOptions, type ScanOptions } from '../scan/scan-options.js';

export function addVerify(program: Command): void {
  const command = addCommand(
    program,
    'verify',
    'open every copy of every key and report what is missing or damaged',
  );
  addSampleOption(addScanOptions(command)).action(verify);
  addExamples(command, [
    ['every copy of every key', 'rkms verify'],
    ['a sample each night; ends with 2 if anything is wrong', 'rkms verify --sample 1% --json'],
  ]);
}

async function verify(options: ScanOptions): Promise<void> {
  const config = loadConfig(options);
  const json = options.json === true;
  process.exitCode = await runScan<VerifyTally, PageEntry>(config, options, {
    command: 'verify',
    choices: `sample ${options.sample ?? 1}`,
    modules: [bindWalks(config, osAuthor())],
    empty: emptyTally,
    source: (container) => storedKeys(container.get(StoreCallsService)),
    visit: (container) => {
      const verifying = container.get(VerifyKeyService);
      // Calls are bounded each by itself; what is under way when the walk stops is ended.
      const { signal } = new AbortController();
      return async (entry, note) => {
        const check = entry.record.isOk() ? await verifying.check(entry.record.value, signal) : undefined;
        note((tally) => tallied(tally, `${entry.id} ${entry.version}`, check));
        if (json) printFinding(entry, check);
      };
    },
    report: (tally, isWhole) => (json ? jsonReport(tally, isWhole) : textReport(tally, isWhole)),
    isWell: isAllWell,
  });
}

function printFinding({ id, version, record }: PageEntry, check?: CopyCheck): void {
  const finding = check === undefined ? 'unreadable' : troubleOf(check);
  if (finding === undefined) return;
  const copies = check && Object.fromEntries(check.map(({ region, state }) => [region, state.kind]));
  const detail = record.isErr() ? { detail: record.error.detail } : {};
  process.stdout.write(`${JSON.stringify({ finding, id, version, ...(copies && { copies }), ...detail })}\n`);
}

const jsonReport = (tally: VerifyTally, isWhole: boolean): string =>
  `${JSON.stringify({ report: { finished: isWhole, well: isAllWell(tally), ...tally } })}\n`;

const words: Readonly<Record<Trouble, string>> = {
  lost: 'lost: no copy opens',
  'at-risk': 'at risk: one good copy is left',
  unknown: 'unknown: regions could not be asked, and at most one good copy was seen',
  incomplete: 'incomplete: copies are lacking, but at least two are good',
  unreadable: 'unreadable: the record itself is broken or of a newer format',
};

function textReport({ checked, regions, troubles }: VerifyTally, isWhole: boolean): string {
  const rows = Object.entries(regions).map(([region, counts]) => [
    region,
    ...[counts.good, counts.missing, counts.unreadable, counts.mismatched, counts['not-checked']].map(String),
  ]);
  const head = ['region', 'good', 'missing', 'unreadable', 'mismatched', 'not checked'];
  const counts = textTable(head, rows, { right: [1, 2, 3, 4, 5] });
  const wrong = Object.entries(troubles).flatMap(([trouble, { count, first }]) =>
    count === 0
      ? []
      : [
          `${count} ${words[trouble as Trouble]}`,
          ...first.map((name) => `  ${name}`),
          ...more(count, first.length),
        ],
  );
  const verdict = wrong.length === 0 ? ['Every copy is good.'] : wrong;
  const title = `${checked} keys were verified${isWhole ? '' : ' so far'}.`;
  return `${title}\n${counts}${verdict.join('\n')}\n`;
}

const more = (count: number, shown: number): readonly string[] =>
  count > shown ? [`  and ${count - shown} more: --json names them all`] : [];
