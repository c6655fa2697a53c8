// Finds the end of an audit file: its last intact line, and an incomplete line that a crash left after it. Reads only the
// end of the file. Refuses a file that is not an audit log, so that RKMS never appends to another program's file.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { OperatorError } from '../system/operator-error.js';
import { codeOf } from '../files/private-files.js';
import { beginning, isCutShort, readLine, sha256, type Head } from './audit-chain.js';
import { rotatedFiles } from './audit-names.js';

/** How much of the file is read; a line is far shorter. */
const windowBytes = 2 * 1024 * 1024;

/** An incomplete line at the end of the file, left by a crash. The next `audit.open` line records it. */
export interface TornPiece {
  readonly bytes: number;
  readonly sha256: string;
}

export interface AuditTail {
  /** Shows later whether the path still names the same file. */
  readonly inode: number;
  readonly size: number;
  /** How much of the file is kept: all of it, or 0 if a crash cut off its very first line. */
  readonly keptBytes: number;
  /** The chain's head: from this file, from the rotated file before it, or the beginning. */
  readonly head: Head;
  /** Bytes after the last line feed. A complete line without its line feed is not torn. */
  readonly torn: TornPiece | undefined;
  readonly endsInMidLine: boolean;
}

/** The file's tail; creates the file (0600) if it is missing. */
export function tailOf(path: string): AuditTail {
  const { window, size, inode } = readEnd(path, 'a+');
  const pieceAt = window.lastIndexOf(lineFeed) + 1;
  const piece = window.subarray(pieceAt);
  const whole = headOf(piece);
  const head = whole ?? lastHead(window.subarray(0, pieceAt));
  if (head === undefined) {
    const before = headBefore(path);
    if (pieceAt > 0 || size > window.length || !isCutShort(piece, before)) throw notAnAuditLog(path);
    return { inode, size, keptBytes: 0, head: before, torn: undefined, endsInMidLine: false };
  }
  const isTorn = piece.length > 0 && whole === undefined;
  const torn = isTorn ? { bytes: piece.length, sha256: sha256(piece) } : undefined;
  return { inode, size, keptBytes: size, head, torn, endsInMidLine: piece.length > 0 };
}

function headBefore(path: string): Head {
  const before = rotatedFiles(path).at(-1);
  if (before === undefined) return beginning;
  const head = lastHead(readEnd(before, 'r').window);
  if (head === undefined) throw notAnAuditLog(before);
  return head;
}

interface FileEnd {
  readonly window: Buffer;
  readonly size: number;
  readonly inode: number;
}

function readEnd(path: string, flags: 'a+' | 'r'): FileEnd {
  try {
    const file = openSync(path, flags, 0o600);
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw notAnAuditLog(path);
      const window = Buffer.alloc(Math.min(stat.size, windowBytes));
      readSync(file, window, 0, window.length, stat.size - window.length);
      return { window, size: stat.size, inode: stat.ino };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause;
    throw new OperatorError(
      `the audit log ${path} cannot be written (${codeOf(cause)})`,
      'set audit.file to another file, or make the user that runs RKMS the owner of this one',
      { cause },
    );
  }
}

/** The head after the last intact line: the chain continues there. `rkms audit verify` reports faulty lines after it. */
function lastHead(lines: Buffer): Head | undefined {
  for (let end = lines.length - 1; end > 0;) {
    const start = lines.lastIndexOf(lineFeed, end - 1) + 1;
    const head = headOf(lines.subarray(start, end));
    if (head !== undefined) return head;
    end = start - 1;
  }
  return undefined;
}

function headOf(bytes: Buffer): Head | undefined {
  const line = readLine(bytes);
  return 'fault' in line ? undefined : { seq: line.seq, hash: line.hash };
}

const lineFeed = 0x0a;

const notAnAuditLog = (path: string): OperatorError =>
  new OperatorError(
    `${path} does not end like an audit log of RKMS`,
    'check it with: rkms audit verify; then move it away, or set audit.file to another file',
  );
