// What SQLite's result codes mean for the one who asked.
import type { StoreReadFailure, StoreWriteFailure } from '../../domain/failures/store-failures.js';

// https://www.sqlite.org/rescode.html
const misconfigured = new Map([
  [8, 'the database file cannot be written to'],
  [11, 'the database file is damaged: restore it from a backup'],
  [13, 'the disk is full'],
  [26, 'the file is not an SQLite database'],
]);

/** Busy, locked, I/O errors and the like are `store.unavailable`: the statement had no effect and may be tried again. */
export function sqliteFailure(cause: unknown): StoreReadFailure {
  const detail = misconfigured.get(sqliteCode(cause));
  return detail === undefined
    ? { kind: 'store.unavailable', cause }
    : { kind: 'store.misconfigured', detail, cause };
}

const busyOrLocked = [5, 6];

/** A write that failed for another reason than waiting for its turn may have reached the disk: its outcome is unknown. */
export function sqliteWriteFailure(cause: unknown): StoreWriteFailure {
  const failure = sqliteFailure(cause);
  const mayHaveHappened = failure.kind === 'store.unavailable' && !busyOrLocked.includes(sqliteCode(cause));
  return mayHaveHappened ? { kind: 'store.outcome-unknown', cause } : failure;
}

/** The primary result code, or -1 for an error that is not SQLite's. */
export function sqliteCode(cause: unknown): number {
  const code = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : -1;
}
