// The audit log: can lines be written, and is the hash chain of the current files intact? `rkms audit verify` checks all
// files; this check reads only the end of large ones.
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { filesOfLog, rotatedFiles } from '../../adapters/audit-file/audit-names.js';
import { tailOf } from '../../adapters/audit-file/audit-tail.js';
import { verifyAudit } from '../../adapters/audit-file/verify-audit.js';
import { checkFlush, checkFolder, checkSpace, checkWritable, isSameFolder } from './check-disk.js';
import type { Examination } from './examination.js';
import { Subject, type Finding } from '../checks/finding.js';

const audit = new Subject('audit log');

/** Of a larger file only the end is checked, so that the check takes about a second. */
const maxBytes = 64 * 1024 * 1024;

export async function checkAudit({ config, machine }: Examination): Promise<readonly Finding[]> {
  const { file } = config.audit;
  const folder = dirname(file);
  if (!existsSync(folder)) return [audit.skipped('file', 'not created yet: the first rkms serve creates it')];
  const disk = isSameFolder(folder, config.data_dir)
    ? []
    : [
        ...checkFolder(audit, folder, machine),
        await checkSpace(audit, folder, machine),
        await checkFlush(audit, folder, machine),
      ];
  const all = filesOfLog(file);
  const aside = new Set(all.flatMap((path) => rotatedFiles(path)));
  const current = all.filter((path) => !aside.has(path));
  if (current.length === 0)
    return [...disk, audit.skipped('file', 'not created yet: the first rkms serve creates it')];
  return [...disk, ...(await Promise.all(current.map(checkFile)))];
}

async function checkFile(path: string): Promise<Finding> {
  const unwritable = await checkWritable(audit, 'file', path);
  if (unwritable) return unwritable;
  // The file exists, so this creates nothing.
  const { value: tail, refused } = audit.attempt('chain', () => tailOf(path));
  if (refused) return refused;
  const end = `${path} stands at line ${tail.head.seq}`;
  if (statSync(path).size > maxBytes) return audit.ok('chain', `${end} (only its end was checked)`);
  const { files } = await verifyAudit([path], { anchors: [], whole: false });
  const [finding] = files.flatMap(({ findings }) => findings);
  if (finding === undefined) return audit.ok('chain', `${end}, whole`);
  const line = finding.line === undefined ? '' : ` at line ${finding.line}`;
  return audit.broken(
    'chain',
    `${path} is not as RKMS wrote it${line}: ${finding.what}, ${finding.detail}`,
    'run: rkms audit verify, and find out who changed it (docs/audit.md)',
  );
}
