// Verifies files of the audit log: first each file, then the links between them. Reads each file once, in chunks, and changes
// nothing; RKMS may write to the files at the same time.
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { codeOf } from '../files/private-files.js';
import type { Head } from './audit-chain.js';
import { ChainCheck, type AuditFinding, type AuditNote, type AuditPoint } from './chain-check.js';

export interface AuditFileReport {
  readonly file: string;
  readonly bytes: number;
  readonly lines: number;
  readonly entries: number;
  readonly first: (AuditPoint & { readonly prev: string }) | undefined;
  /** The chain's head at the end of this file: an anchor, if stored elsewhere. */
  readonly last: AuditPoint | undefined;
  readonly findings: readonly AuditFinding[];
  /** Can be higher than the number of listed findings. */
  readonly findingCount: number;
  readonly notes: readonly AuditNote[];
}

export interface AuditReport {
  readonly files: readonly AuditFileReport[];
  /** Findings about anchors, which belong to no file. */
  readonly findings: readonly AuditFinding[];
  readonly findingCount: number;
}

export interface VerifyOptions {
  /** Known heads of the chain; each must be found. */
  readonly anchors: readonly Head[];
  /** `paths` are the whole log, so a file that another one continues must be among them. */
  readonly whole: boolean;
  readonly onProgress?: (bytes: number) => void;
}

const chunkBytes = 1024 * 1024;
/** Longer than any line, and than any incomplete line a crash can leave. */
const maxLineBytes = 2 * 1024 * 1024;
const lineFeed = 0x0a;

/** Files of the same chain must be in the chain's order. An unreadable file is a finding. */
export async function verifyAudit(paths: readonly string[], options: VerifyOptions): Promise<AuditReport> {
  const wanted = new Set(options.anchors.map(nameOf));
  const tick = (head: Head): void => {
    if (wanted.size > 0) wanted.delete(nameOf(head));
  };
  const reports: AuditFileReport[] = [];
  for (const path of paths) {
    const report = await verifyFile(path, tick, options.onProgress);
    if (report.first) tick({ seq: report.first.seq - 1, hash: report.first.prev });
    reports.push(report);
  }
  const files = reports.map((report) => linked(report, reports, options));
  const findings = [...wanted].map((anchor): AuditFinding => ({
    what: 'anchor-not-found',
    detail: `no line matches ${anchor}: cut off, rewritten, or in a file that was not given`,
  }));
  const findingCount = files.reduce((sum, file) => sum + file.findingCount, findings.length);
  return { files, findings, findingCount };
}

/** An anchor as text, `<seq>:<hash>`. */
export const nameOf = ({ seq, hash }: Head): string => `${seq}:${hash}`;

async function verifyFile(
  path: string,
  onHead: (head: Head) => void,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<AuditFileReport> {
  const check = new ChainCheck(onHead);
  let bytes = 0;
  let unread: AuditFinding | undefined;
  try {
    for await (const chunk of linesOf(path, check)) {
      bytes += chunk;
      onProgress(chunk);
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    unread = { what: 'not-readable', detail: codeOf(cause) };
  }
  const { lines, entries, first, last, notes } = check;
  const findings = unread ? [...check.findings, unread] : check.findings;
  return {
    file: path,
    bytes,
    lines,
    entries,
    first,
    last,
    notes,
    findings,
    findingCount: check.findingCount + (unread ? 1 : 0),
  };
}

/** Passes the file's lines to the check; yields the size of each chunk, in bytes. */
async function* linesOf(path: string, check: ChainCheck): AsyncGenerator<number> {
  const file = await open(path, 'r');
  let rest: Buffer = Buffer.alloc(0);
  let skipped = 0;
  try {
    // A growing file is read up to its size at the start.
    let left = (await file.stat()).size;
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, left));
    while (left > 0) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, left), null);
      if (bytesRead === 0) break;
      left -= bytesRead;
      const read = chunk.subarray(0, bytesRead);
      let start = 0;
      for (let end = read.indexOf(lineFeed); end >= 0; end = read.indexOf(lineFeed, start)) {
        const part = read.subarray(start, end);
        if (skipped > 0) check.takeTooLong(skipped + part.length);
        else check.take(rest.length > 0 ? Buffer.concat([rest, part]) : part);
        rest = Buffer.alloc(0);
        skipped = 0;
        start = end + 1;
      }
      rest = Buffer.concat([rest, read.subarray(start)]);
      if (skipped > 0 || rest.length > maxLineBytes) {
        skipped += rest.length;
        rest = Buffer.alloc(0);
      }
      yield bytesRead;
    }
  } finally {
    await file.close();
  }
  if (skipped > 0) check.takeTooLong(skipped);
  check.end(rest);
}

/** Adds findings and notes about the file before the first line and the file after the last one. */
function linked(
  report: AuditFileReport,
  all: readonly AuditFileReport[],
  { anchors, whole }: VerifyOptions,
): AuditFileReport {
  const { first, last } = report;
  const findings: AuditFinding[] = [];
  const notes: AuditNote[] = [];
  if (first && first.seq > 1) {
    const before = { seq: first.seq - 1, hash: first.prev };
    const isKnown = [...all.flatMap((other) => other.last ?? []), ...anchors].some(
      (head) => nameOf(head) === nameOf(before),
    );
    const detail = `continues after ${nameOf(before)}, but no given file ends there`;
    if (!isKnown && whole) findings.push({ what: 'missing-file', detail });
    else if (!isKnown) notes.push({ what: 'earlier-files', detail });
  }
  const twin = all.find(
    (other) => other !== report && first && other.first?.seq !== 1 && other.first?.prev === first.prev,
  );
  if (twin)
    findings.push({ what: 'forked', detail: `continues after the same line as ${basename(twin.file)}` });
  if (whole && last && isRotated(report.file) && !all.some((other) => other.first?.prev === last.hash)) {
    findings.push({
      what: 'missing-file',
      detail: `was rotated at ${nameOf(last)}, but no given file continues after it`,
    });
  }
  return {
    ...report,
    findings: [...report.findings, ...findings],
    findingCount: report.findingCount + findings.length,
    notes: [...report.notes, ...notes],
  };
}

const isRotated = (path: string): boolean => /\.\d{6,}(\.[^.]*)?$/.test(basename(path));
