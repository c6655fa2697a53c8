// `rkms verify`: opens every copy of every key, or of a sample, in its region, and reports what was found. Changes nothing.
import { verifyFinding } from '../../../application/maintenance/verify-key.js';
import { hasProblems, type Finding } from '../../../application/maintenance/tally.js';
import { storedKeys } from '../../../application/maintenance/scan-keys.js';
import type { CopyCheck, CopyState, KeyStatus } from '../../../domain/keys/copy-check.js';
import type { PageEntry } from '../../../ports/key-repository.js';
import { bindMaintenance, StoreCallsService, VerifyKeyService } from '../../wiring/maintenance-bindings.js';
import { loadConfig } from '../support/command-config.js';
import { osAuthor } from '../support/os-author.js';
import { runScan } from '../scan/run-scan.js';
import type { ScanOptions } from '../scan/scan-options.js';
import type { ReportTexts } from '../scan/scan-report.js';

/** Exits with 0 when every checked key is complete, 2 when one is not, 3 when stopped, 1 when the store cannot be read. */
export async function verify(options: ScanOptions): Promise<void> {
  const config = loadConfig(options);
  process.exitCode = await runScan<PageEntry>(config, options, {
    command: 'verify',
    choices: `sample ${options.sample ?? 1}`,
    writes: false,
    modules: [bindMaintenance(config, osAuthor())],
    source: (container) => storedKeys(container.get(StoreCallsService)),
    visit: (container) => {
      const verifying = container.get(VerifyKeyService);
      return async (entry, signal) => {
        const check = entry.record.isOk() ? await verifying.check(entry.record.value, signal) : undefined;
        const finding = verifyFinding(`${entry.id} ${entry.version}`, check);
        return { finding, line: finding.problem && problemLine(finding.problem, entry, check) };
      };
    },
    texts,
    isOk: (tally) => !hasProblems(tally),
  });
}

/** With --json: the state of each copy, or what is wrong with the record when it cannot be read. */
function problemLine(
  { kind, ...detail }: NonNullable<Finding['problem']>,
  { id, version, record }: PageEntry,
  check?: CopyCheck,
): object {
  const copies = check && Object.fromEntries(check.map(({ region, state }) => [region, state.kind]));
  const unreadable = record.isErr() ? { detail: record.error.detail } : {};
  return { problem: kind, id, version, ...(copies && { copies }), ...detail, ...unreadable };
}

/** Worst first. `unreadable` is about the record itself, so nothing is known about its copies. */
const problems: Readonly<Record<Exclude<KeyStatus, 'complete'> | 'unreadable', string>> = {
  lost: 'lost: no copy opens',
  'at-risk': 'at risk: only one copy is good',
  unknown:
    'unknown: copies are missing or damaged, at most one is known to be good, and some were not checked',
  incomplete: 'incomplete: copies are missing or damaged, but at least two are good',
  'not-checked': 'not checked in every region: no copy is known to be missing or damaged',
  unreadable: 'unreadable: the record is damaged or has a newer format',
};

const columns: readonly CopyState['kind'][] = ['good', 'missing', 'unreadable', 'mismatched', 'not-checked'];

const texts: ReportTexts = {
  summary: (tally, soFar) => [
    `${tally.checked} keys verified${soFar}${hasProblems(tally) ? '.' : ': every copy is good.'}`,
  ],
  columns,
  problems,
  otherProblem: (kind) => kind,
};
