// `rkms audit verify`: holds the audit log against its hash chain and says what is wrong, file by file. Changes nothing and
// may run beside the service.
import { InvalidArgumentError, type Command } from 'commander';
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Head } from '../../../adapters/audit-file/audit-chain.js';
import { filesOfLog } from '../../../adapters/audit-file/audit-names.js';
import { verifyAudit, type AuditReport } from '../../../adapters/audit-file/verify-audit.js';
import { OperatorError } from '../../../ports/operator-error.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { showAuditReport } from './audit-report.js';
import { addExamples } from '../support/examples.js';
import { exitCodes } from '../support/exit-codes.js';

interface VerifyOptions extends ConfigOption {
  readonly file?: readonly string[];
  readonly anchor?: readonly Head[];
  readonly json?: boolean;
}

/** Adds it to `audit`, the command that the commands about the audit log share. */
export function addAuditVerify(command: Command): void {
  withConfigOption(command)
    .option(
      '--file <path...>',
      'only these files, in their order, instead of the whole log of the configuration',
    )
    .option('--anchor <seq:hash>', 'a place where the log is known to have stood; may be repeated', anchorsOf)
    .option('--json', 'the report as JSON')
    .action(verify);
  addExamples(command, [
    ['the whole log of the configuration', 'rkms audit verify'],
    ['one file, as a program reads it', 'rkms audit verify --file data/audit.jsonl --json'],
  ]);
}

async function verify(options: VerifyOptions): Promise<void> {
  const startedMs = performance.now();
  const report = await (options.file ? verifyFiles(options.file, options) : verifyLog(options));
  const seconds = (performance.now() - startedMs) / 1_000;
  process.stdout.write(
    options.json ? `${JSON.stringify(report, null, 2)}\n` : showAuditReport(report, seconds),
  );
  process.exitCode = report.findingCount > 0 ? exitCodes.findings : exitCodes.ok;
}

async function verifyLog(options: VerifyOptions): Promise<AuditReport> {
  const { file } = loadConfig(options).audit;
  // A file that is put aside meanwhile looks as if one were missing: looked at again, it is not.
  for (let attempt = 1; ; attempt += 1) {
    const paths = existsSync(dirname(file)) ? filesOfLog(file) : [];
    if (paths.length === 0) {
      throw new OperatorError(
        `there is no audit log ${file}`,
        'name the configuration of the service with --config',
      );
    }
    const report = await verifyPaths(paths, { ...options, whole: true });
    const isMissing = report.files.some(({ findings }) =>
      findings.some(({ what }) => what === 'missing-file'),
    );
    if (!isMissing || attempt === 3) return report;
  }
}

function verifyFiles(paths: readonly string[], options: VerifyOptions): Promise<AuditReport> {
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) throw new OperatorError(`there is no file ${missing}`, '');
  return verifyPaths(paths, { ...options, whole: false });
}

async function verifyPaths(
  paths: readonly string[],
  { anchor: anchors = [], whole }: VerifyOptions & { readonly whole: boolean },
): Promise<AuditReport> {
  const progress = progressOf(paths);
  const report = await verifyAudit(paths, { anchors, whole, onProgress: progress.add });
  progress.end();
  return report;
}

/** A line on a terminal that counts up; nothing anywhere else. */
function progressOf(paths: readonly string[]): { add: (bytes: number) => void; end: () => void } {
  const { stderr } = process;
  if (!stderr.isTTY) return { add: () => undefined, end: () => undefined };
  const total = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  let done = 0;
  let shown = '';
  return {
    add: (bytes) => {
      done += bytes;
      const text = `${Math.floor((done / Math.max(total, done)) * 100)} % of ${Math.ceil(total / 1e6)} MB`;
      if (text === shown) return;
      shown = text;
      stderr.write(`\r${text}`);
    },
    end: () => {
      stderr.write('\r\u001b[K');
    },
  };
}

function anchorsOf(text: string, before: readonly Head[] = []): readonly Head[] {
  const [, seq, hash] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined) {
    throw new InvalidArgumentError('An anchor is <sequence number>:<64 hex digits>.');
  }
  return [...before, { seq: Number(seq), hash }];
}
