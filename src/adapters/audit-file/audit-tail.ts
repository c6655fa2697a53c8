// Where an audit file ends: its last intact line, and what a crash left behind it. Reads the end of the file only, and
// changes nothing. Refuses a file that is no audit log, so that nothing is ever written into somebody else's.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { OperatorError } from '../system/operator-error.js';
import { codeOf } from '../files/private-files.js';
import { beginning, isCutShort, readLine, sha256, type Head } from './audit-chain.js';
import { filesPutAside } from './audit-names.js';

/** Far longer than a line. */
const windowBytes = 2 * 1024 * 1024;

/** The piece that a crash left after the last whole line. */
export interface TornPiece {
  readonly bytes: number;
  readonly sha256: string;
}

export interface AuditTail {
  /** Tells whether the file is still the same one. */
  readonly inode: number;
  readonly size: number;
  /** So much of the file stays: all, or nothing where a crash cut its very first line short. */
  readonly keptBytes: number;
  /** Where the chain stands: in this file, in the one put aside before it, or at its beginning. */
  readonly head: Head;
  /** Bytes after the last line feed. A whole line that only lacks its line feed is no torn piece. */
  readonly torn: TornPiece | undefined;
  readonly endsInMidLine: boolean;
}

/** The file's tail; makes the file (0600) where there is none. */
export function tailOf(path: string): AuditTail {
  const { window, size, inode } = readEnd(path, 'a+');
  const pieceAt = window.lastIndexOf(lineFeed) + 1;
  const piece = window.subarray(pieceAt);
  const whole = headOf(piece);
  const head = whole ?? lastHead(window.subarray(0, pieceAt));
  if (head === undefined) {
    const before = headBefore(path);
    if (pieceAt > 0 || size > window.length || !isCutShort(piece, before)) throw notOurs(path);
    return { inode, size, keptBytes: 0, head: before, torn: undefined, endsInMidLine: false };
  }
  const isTorn = piece.length > 0 && whole === undefined;
  const torn = isTorn ? { bytes: piece.length, sha256: sha256(piece) } : undefined;
  return { inode, size, keptBytes: size, head, torn, endsInMidLine: piece.length > 0 };
}

function headBefore(path: string): Head {
  const before = filesPutAside(path).at(-1);
  if (before === undefined) return beginning;
  const head = lastHead(readEnd(before, 'r').window);
  if (head === undefined) throw notOurs(before);
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
      if (!stat.isFile()) throw notOurs(path);
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
      'name another file as audit.file, or give this one to the user that runs RKMS',
      { cause },
    );
  }
}

/** The last line that is intact, so that the chain goes on; lines after it are for the verification to find. */
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

const notOurs = (path: string): OperatorError =>
  new OperatorError(
    `${path} does not end as an audit log of RKMS does`,
    'look at it with: rkms audit verify; then move it aside, or name another file as audit.file',
  );
