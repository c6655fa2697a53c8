// Counts how often secrets lie in the memory of another process, in every spelling. Linux lets the owner of a process, where
// its settings allow it, and the superuser read that memory.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { NeedleSearch, type Needle } from './needles.js';

/** Most of what is mapped was never written to: pieces of zeros are passed over. */
const pieceBytes = 1 << 16;

/** :: secret -> form -> how often it was found; a secret that was not found is not in it. */
export type Residue = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Undefined where memory can be read; otherwise why not. */
export function whyUnreadable(pid: number): string | undefined {
  try {
    closeSync(openSync(`/proc/${pid}/mem`, 'r'));
    return undefined;
  } catch (cause) {
    return `the memory of another process cannot be read here (${String(cause)})`;
  }
}

export interface MemoryScan {
  readonly residue: Residue;
  /** Of pieces that held anything. */
  readonly scannedBytes: number;
}

export function scanMemory(pid: number, needles: readonly Needle[]): MemoryScan {
  const distinct = [...new Map(needles.map((needle) => [needle.bytes.toString('latin1'), needle])).values()];
  const search = new NeedleSearch(distinct);
  const residue = new Map<string, Map<string, number>>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const piece = Buffer.alloc(pieceBytes + search.longest);
  const zeros = Buffer.alloc(piece.length);
  let scannedBytes = 0;
  try {
    for (const { from, to } of writableMappings(pid)) {
      for (let at = from; at < to; at += pieceBytes) {
        const bytes = readAt(memory, piece, at, Math.min(piece.length, to - at));
        if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
        scannedBytes += Math.min(bytes.length, pieceBytes);
        search.in(bytes, ({ secret, form }, found) => {
          // What begins beyond the piece is found again in the next one.
          if (found >= pieceBytes) return;
          const forms = residue.get(secret) ?? new Map<string, number>();
          residue.set(secret, forms.set(form, (forms.get(form) ?? 0) + 1));
        });
      }
    }
  } finally {
    closeSync(memory);
    piece.fill(0);
  }
  return { residue, scannedBytes };
}

/** Where something can have been written: addresses, which fit a number on all machines there are. */
const writableMappings = (pid: number): readonly { readonly from: number; readonly to: number }[] =>
  readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line))
    .flatMap((match) =>
      match ? [{ from: parseInt(match[1] ?? '', 16), to: parseInt(match[2] ?? '', 16) }] : [],
    );

function readAt(memory: number, into: Buffer, at: number, length: number): Buffer {
  try {
    return into.subarray(0, readSync(memory, into, 0, length, at));
  } catch {
    // Not every mapping has memory behind it.
    return into.subarray(0, 0);
  }
}
