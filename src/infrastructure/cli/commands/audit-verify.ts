// `rkms audit verify`: checks the audit log against its hash chain and reports what is wrong, file by file. Changes nothing;
// may run beside the service.
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Head } from '../../../adapters/audit-file/audit-chain.js';
import { filesOfLog } from '../../../adapters/audit-file/audit-names.js';
import { verifyAudit, type AuditReport } from '../../../adapters/audit-file/verify-audit.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { showAuditReport } from './audit-report.js';
import { exitCodes } from '../support/exit-codes.js';

interface VerifyOptions extends ConfigOption {
  readonly file?: readonly string[];
  readonly anchor?: readonly Head[];
  readonly json?: boolean;
}

export async function verifyAuditLog(options: VerifyOptions): Promise<void> {
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
  // While the service rotates the log, a file can seem to be missing: then the log is read again.
  for (let attempt = 1; ; attempt += 1) {
    const paths = existsSync(dirname(file)) ? filesOfLog(file) : [];
    if (paths.length === 0) {
      throw new OperatorError(
        `there is no audit log ${file}`,
        'set --config to the configuration of the service',
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

/** A progress line, only on a terminal. */
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
