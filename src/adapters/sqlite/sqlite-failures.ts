// The one table from SQLite's result codes to failure kinds. A code without an entry is `store.unavailable`.
import type { StoreReadFailure, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import { sqliteCode, sqliteCodes } from '../files/sqlite-file.js';

/** :: result code -> what an operator has to change; waiting does not help */
const misconfigured: ReadonlyMap<number, string> = new Map([
  [sqliteCodes.readOnly, 'the database file cannot be written to'],
  [sqliteCodes.corrupt, 'the database file is damaged: restore it from a backup'],
  [sqliteCodes.full, 'the disk is full'],
  [sqliteCodes.notADatabase, 'the file is not an SQLite database'],
]);

/** Busy, locked, I/O errors and others are `store.unavailable`: a read may be tried again. */
export function sqliteFailure(cause: unknown): StoreReadFailure {
  const detail = misconfigured.get(sqliteCode(cause));
  return detail === undefined
    ? { kind: 'store.unavailable', cause }
    : { kind: 'store.misconfigured', detail, cause };
}

const notStarted: readonly number[] = [sqliteCodes.busy, sqliteCodes.locked];

/** Whether the call failed only because another process holds the file's lock: it had no effect, and may be tried again. */
export const isBusy = (failure: { readonly kind: string; readonly cause?: unknown }): boolean =>
  failure.kind === 'store.unavailable' && notStarted.includes(sqliteCode(failure.cause));

/**
 * A write that never got its lock wrote nothing: `store.unavailable`. After any other error that is not a misconfiguration,
 * for example a failed flush, the write may be on disk: `store.outcome-unknown` (I8).
 */
export function sqliteWriteFailure(cause: unknown): StoreWriteFailure {
  const failure = sqliteFailure(cause);
  const mayBeWritten = failure.kind === 'store.unavailable' && !notStarted.includes(sqliteCode(cause));
  return mayBeWritten ? { kind: 'store.outcome-unknown', cause } : failure;
}
