// What all users of an SQLite file share: the store, the locks between processes, and the audit log's writers.
import type { DatabaseSync } from 'node:sqlite';
import { codeOf } from './private-files.js';

/** Primary result codes (https://www.sqlite.org/rescode.html). */
export const sqliteCodes = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  notADatabase: 26,
} as const;

/** The primary result code of an error, or -1 for an error that is not SQLite's. */
export function sqliteCode(cause: unknown): number {
  const code = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined;
  // An extended code has its primary code in the lowest 8 bits.
  return typeof code === 'number' ? code & 0xff : -1;
}

/** SQLite's message, which never quotes data of the file; for other errors the code of the system. */
export const sqliteReason = (cause: unknown): string =>
  cause instanceof Error && sqliteCode(cause) !== -1 ? cause.message : codeOf(cause);

/** How long a statement waits for a lock before it fails with `busy`. Node 22.13 has no constructor option for it. */
export function setBusyTimeout(database: DatabaseSync, timeoutMs: number): void {
  database.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
}
