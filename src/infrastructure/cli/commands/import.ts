// `rkms import`: walks over the table of the Go original and makes every key in it one of ours. The table is only read.
import { InvalidArgumentError, type Command } from 'commander';
import type { Result } from 'neverthrow';
import {
  emptyImportTally,
  isAllImported,
  withImport,
  type ImportTally,
} from '../../../application/import/import-tally.js';
import type { Imported } from '../../../application/import/import-key.js';
import { sourceEntries } from '../../../application/import/source-scan.js';
import type { ImportFailure } from '../../../domain/failures/key-failures.js';
import { parseRegion, type Region } from '../../../domain/ids.js';
import { Clock } from '../../../ports/clock.js';
import { KeySource, type SourceEntry } from '../../../ports/key-source.js';
import { OperatorError } from '../../../ports/operator-error.js';
import { bindImport, ImportKeyService, type ImportOrigin } from '../../wiring/import-bindings.js';
import { bindWalks } from '../../wiring/maintenance-bindings.js';
import { endpoint } from '../../config/schema/rules.js';
import type { Config } from '../../config/config.js';
import { addCommand, loadConfig } from '../support/command-config.js';
import { addExamples } from '../support/examples.js';
import { osAuthor } from '../support/os-author.js';
import { runScan } from '../scan/run-scan.js';
import { addScanOptions, type ScanOptions } from '../scan/scan-options.js';

interface ImportOptions extends ScanOptions {
  readonly fromTable: string;
  readonly fromRegion?: Region;
  readonly fromEndpoint?: string;
  readonly dryRun?: boolean;
}

export function addImport(program: Command): void {
  const command = addCommand(program, 'import', 'import the keys of the Go original from its DynamoDB table')
    .requiredOption('--from-table <name>', 'the table to import from; it is only read')
    .option('--from-region <region>', 'the region of that table (default: that of our own)', regionOf)
    .option(
      '--from-endpoint <url>',
      'another endpoint for that table: https, or http on this host',
      endpointOf,
    );
  addScanOptions(command)
    .option('--dry-run', 'open every key and compare, import none, and say what would be done')
    .action(importKeys);
  addExamples(command, [
    ['what would be done, first', 'rkms import --config aws.toml --from-table rkms_keys --dry-run'],
    ['at most 20 keys a second', 'rkms import --config aws.toml --from-table rkms_keys --rate 20'],
  ]);
}

async function importKeys(options: ImportOptions): Promise<void> {
  const config = loadConfig(options);
  const origin = originOf(options, config);
  const dryRun = options.dryRun === true;
  const json = options.json === true;
  const author = osAuthor();
  process.exitCode = await runScan<ImportTally, SourceEntry>(config, options, {
    command: 'import',
    choices: JSON.stringify({ ...origin, dryRun }),
    modules: [bindWalks(config, author), bindImport(config, origin, author, dryRun)],
    empty: emptyImportTally,
    source: (container) => sourceEntries(container.get(KeySource), container.get(Clock)),
    visit: (container) => {
      const importing = container.get(ImportKeyService);
      // Calls are bounded each by itself; what is under way when the walk stops is ended.
      const { signal } = new AbortController();
      return async (entry, note) => {
        const outcome = await importing.import(entry, signal);
        note((tally) => withImport(tally, entry.id, outcome));
        if (json) printOutcome(entry, outcome);
      };
    },
    report: (tally, isWhole) =>
      json
        ? `${JSON.stringify({ report: { finished: isWhole, well: isAllImported(tally), ...tally } })}\n`
        : textReport(tally, isWhole, dryRun),
    isWell: isAllImported,
  });
}

function originOf({ fromTable, fromRegion, fromEndpoint }: ImportOptions, { store }: Config): ImportOrigin {
  const own = store.kind === 'dynamodb' ? store.regions.map(({ name }) => name) : [];
  const region = fromRegion ?? own[0];
  if (region === undefined) {
    throw new OperatorError('the region of the table is not known', 'name it with --from-region');
  }
  if (store.kind === 'dynamodb' && store.table === fromTable && own.includes(region) && !fromEndpoint) {
    throw new OperatorError(
      `the table "${fromTable}" in ${region} is this deployment’s own store`,
      'name the table of the Go original with --from-table',
    );
  }
  return { table: fromTable, region, ...(fromEndpoint !== undefined && { endpoint: fromEndpoint }) };
}

/** One line for each entry that was not imported as it should be; nothing for what is well. */
function printOutcome({ id }: SourceEntry, outcome: Result<Imported, ImportFailure>): void {
  if (outcome.isErr()) process.stdout.write(`${JSON.stringify({ id, ...factsOf(outcome.error) })}\n`);
  else if (outcome.value.kind === 'imported' && outcome.value.missing.length > 0) {
    process.stdout.write(`${JSON.stringify({ id, imported: true, missing: outcome.value.missing })}\n`);
  }
}

/** What an operator needs to know of a failure: names only. */
function factsOf(failure: ImportFailure): object {
  const detail = 'detail' in failure ? { detail: failure.detail } : {};
  const regions = 'regions' in failure ? { regions: failure.regions } : {};
  const attempts =
    'attempts' in failure
      ? { attempts: failure.attempts.map((each) => ({ region: each.region, failure: each.failure.kind })) }
      : {};
  return { failure: failure.kind, ...detail, ...regions, ...attempts };
}

function textReport(tally: ImportTally, isWhole: boolean, dryRun: boolean): string {
  const { looked, imported, alreadyThere, importable, incomplete, refused } = tally;
  const done = dryRun ? `${importable} could be imported` : `${imported} were imported`;
  const title = `${looked} entries were looked at${isWhole ? '' : ' so far'}; ${done}, ${alreadyThere} were there already.`;
  const debt = incomplete > 0 ? [`${incomplete} lack a copy in some region: run rkms repair`] : [];
  const refusals = Object.entries(refused).flatMap(([kind, { count, first }]) => [
    `${count} were not imported: ${kind}`,
    ...first.map((id) => `  ${id === '' ? '(no id)' : JSON.stringify(id)}`),
    ...(count > first.length ? [`  and ${count - first.length} more: --json names them all`] : []),
  ]);
  return `${[title, ...debt, ...refusals].join('\n')}\n`;
}

function regionOf(text: string): Region {
  const region = parseRegion(text);
  if (region.isOk()) return region.value;
  throw new InvalidArgumentError(`A region has ${region.error.expected}.`);
}

function endpointOf(text: string): string {
  const parsed = endpoint.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`Expected ${parsed.error.issues[0]?.message ?? 'a URL'}.`);
}
