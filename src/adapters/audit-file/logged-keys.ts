// Reads from the files of an audit log which keys it knows. Reads asynchronously and in chunks, and parses only the lines that
// matter: of a log of reads, nearly none. A line whose hash is wrong is ignored.
import { open, stat, type FileHandle } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readLine } from './audit-chain.js';
import { filesOfLog, rotatedFiles, writerOf } from './audit-names.js';
import { KeyLedger, type WrittenKey } from './key-ledger.js';

const chunkBytes = 1024 * 1024;
/** Of a larger file, only the end is read: a second's work. */
const maxBytes = 1024 * chunkBytes;
const lineFeed = 0x0a;
const relevant =
  /"outcome":"created"|"action":"(?:audit\.(?:open|close|file)|key\.import|store\.accept-lost)"/g;

/** The newest keys that the log at `base` names, the newest last; empty without a log. Rejects when a file cannot be read. */
export async function loggedKeys(base: string): Promise<readonly WrittenKey[]> {
  if (!existsSync(dirname(base))) return [];
  const writers = [...new Set(filesOfLog(base).map(writerOf))];
  const ledgers = await Promise.all(
    writers.map(async (path) => {
      const ledger = new KeyLedger();
      await readLedger(ledger, path);
      return [basename(path), ledger] as const;
    }),
  );
  return KeyLedger.merge(new Map(ledgers));
}

/** Every key that the whole log names, however many. */
export async function allLoggedKeys(base: string): Promise<readonly WrittenKey[]> {
  if (!existsSync(dirname(base))) return [];
  const ledgers = new Map<string, KeyLedger>();
  for (const path of filesOfLog(base)) {
    const writer = basename(writerOf(path));
    const before = ledgers.get(writer);
    const ledger = before ?? new KeyLedger(Infinity);
    ledgers.set(writer, ledger);
    // What a file repeats was read already, unless the file before it was moved away.
    await readInto(ledger, path, { repeats: before === undefined });
  }
  return KeyLedger.merge(ledgers);
}

/** What one writer knows: its current file repeats what the files before it said last. */
export async function readLedger(ledger: KeyLedger, path: string): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  const before = size === 0 && existsSync(dirname(path)) ? rotatedFiles(path).at(-1) : undefined;
  if (before !== undefined) await readInto(ledger, before);
  if (size > 0) await readInto(ledger, path);
}

async function readInto(ledger: KeyLedger, path: string, { repeats } = { repeats: true }): Promise<void> {
  const file = await open(path, 'r');
  try {
    for await (const lines of wholeLines(file)) {
      const text = lines.toString('latin1');
      relevant.lastIndex = 0;
      for (let match = relevant.exec(text); match !== null; match = relevant.exec(text)) {
        const end = text.indexOf('\n', match.index);
        const line = readLine(lines.subarray(text.lastIndexOf('\n', match.index) + 1, end));
        if (!('fault' in line) && (repeats || line.fields['action'] !== 'audit.file'))
          ledger.take(line.fields, line.seq);
        relevant.lastIndex = end;
      }
    }
  } finally {
    await file.close();
  }
}

/** Pieces of the file that begin and end with whole lines; a last line without its line feed is left out. */
async function* wholeLines(file: FileHandle): AsyncGenerator<Buffer> {
  const { size } = await file.stat();
  let position = Math.max(0, size - maxBytes);
  let rest: Buffer = Buffer.alloc(0);
  while (position < size) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size - position));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(lineFeed) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    rest = bytes.subarray(end);
  }
}
