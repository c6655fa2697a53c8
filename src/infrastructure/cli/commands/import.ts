// `rkms import`: imports every key from the DynamoDB table of the Go original. That table is only read.
import type { Command } from 'commander';
import type { Result } from 'neverthrow';
import { importFinding, type Imported } from '../../../application/import/import-key.js';
import { sourceEntries } from '../../../application/import/source-scan.js';
import { hasProblems } from '../../../application/maintenance/tally.js';
import type { ImportFailure } from '../../../domain/failures/key-failures.js';
import type { Region } from '../../../domain/ids.js';
import { Clock } from '../../../ports/clock.js';
import { KeySource, type SourceEntry } from '../../../ports/key-source.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { bindImport, ImportKeyService, type ImportOrigin } from '../../wiring/import-bindings.js';
import { bindMaintenance } from '../../wiring/maintenance-bindings.js';
import { endpoint } from '../../config/schema/rules.js';
import type { Config } from '../../config/config.js';
import { advised } from '../support/advice.js';
import { loadConfig } from '../support/command-config.js';
import { osAuthor } from '../support/os-author.js';
import { runScan } from '../scan/run-scan.js';
import type { ScanOptions } from '../scan/scan-options.js';
import type { ReportTexts } from '../scan/scan-report.js';

interface ImportOptions extends ScanOptions {
  readonly fromTable: string;
  readonly fromRegion?: Region;
  readonly fromEndpoint?: string;
  readonly dryRun?: boolean;
}

/** Exits with 0 when every entry is a key of this deployment, 2 when one is not, 3 when stopped, 1 when a store fails. */
export async function importKeys(options: ImportOptions, command: Command): Promise<void> {
  checkEndpoint(options, command);
  const config = loadConfig(options);
  const origin = originOf(options, config);
  const dryRun = options.dryRun === true;
  const author = osAuthor();
  process.exitCode = await runScan<SourceEntry>(config, options, {
    command: 'import',
    choices: JSON.stringify({ ...origin, dryRun }),
    writes: !dryRun,
    creates: !dryRun,
    modules: [bindMaintenance(config, author), bindImport(config, origin, author, dryRun)],
    source: (container) => sourceEntries(container.get(KeySource), container.get(Clock)),
    visit: (container) => {
      const importing = container.get(ImportKeyService);
      return async (entry, signal) => {
        const result = await importing.import(entry, signal);
        return { finding: importFinding(entry.id, result), line: lineOf(entry, result) };
      };
    },
    texts: textsFor(dryRun),
    isOk: (tally) => !hasProblems(tally),
  });
}

/**
 * The table to import from. Refuses this deployment's own table: its items have another format, so every one would be
 * reported as unreadable.
 */
function originOf({ fromTable, fromRegion, fromEndpoint }: ImportOptions, { store }: Config): ImportOrigin {
  const own = store.kind === 'dynamodb' ? store.regions.map(({ name }) => name) : [];
  const region = fromRegion ?? own[0];
  if (region === undefined) {
    throw new OperatorError('the region of the table is not known', 'set it with --from-region');
  }
  if (store.kind === 'dynamodb' && store.table === fromTable && own.includes(region) && !fromEndpoint) {
    throw new OperatorError(
      `the table "${fromTable}" in ${region} is this deployment’s own store`,
      'name the table of the Go original with --from-table',
    );
  }
  return { table: fromTable, region, ...(fromEndpoint !== undefined && { endpoint: fromEndpoint }) };
}

/** A line for an entry that was not imported, or not with a copy in every region. */
function lineOf({ id }: SourceEntry, result: Result<Imported, ImportFailure>): object | undefined {
  if (result.isErr()) return { id, ...factsOf(result.error) };
  const imported = result.value;
  if (imported.kind !== 'imported' || imported.missing.length === 0) return undefined;
  return { id, imported: true, missing: imported.missing };
}

/** What an operator needs to know about a failure: names only. */
function factsOf(failure: ImportFailure): object {
  const detail = 'detail' in failure ? { detail: failure.detail } : {};
  const regions = 'regions' in failure ? { regions: failure.regions } : {};
  const attempts =
    'attempts' in failure
      ? { attempts: failure.attempts.map((each) => ({ region: each.region, failure: each.failure.kind })) }
      : {};
  return { failure: failure.kind, ...detail, ...regions, ...attempts };
}

const textsFor = (dryRun: boolean): ReportTexts => ({
  summary: ({ checked, outcomes }, soFar) => {
    const { imported = 0, importable = 0, incomplete = 0, 'already-present': present = 0 } = outcomes;
    const done = dryRun ? `${importable} can be imported` : `${imported} imported`;
    const title = `${checked} entries checked${soFar}: ${done}, ${present} already present.`;
    return incomplete === 0
      ? [title]
      : [title, `${incomplete} imported keys miss a copy in some region: ${advised('run rkms repair')}.`];
  },
  columns: [],
  problems: {},
  otherProblem: (kind) => `not imported: ${kind}`,
  // Ids come from another store and may hold anything: quotes and escapes keep each on one line.
  name: (id) => (id === '' ? '(no id)' : JSON.stringify(id)),
});

/** Here and not in the declaration, which must not load the configuration's schema. */
function checkEndpoint({ fromEndpoint }: ImportOptions, command: Command): void {
  const { error } = endpoint.optional().safeParse(fromEndpoint);
  if (error) command.error(`error: --from-endpoint: expected ${error.issues[0]?.message ?? 'a URL'}`);
}
