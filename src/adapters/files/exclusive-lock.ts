// A lock between processes on one machine. SQLite holds it as a POSIX lock on a file, which ends with the process, also after
// a kill: no stale lock ever has to be removed. The lock file stays, empty, and must not be deleted while it is in use.
import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../system/operator-error.js';
import { setBusyTimeout, sqliteCode, sqliteCodes, sqliteReason } from './sqlite-file.js';

/** A change under the lock takes a few milliseconds; a process that holds it for 5 s hangs. */
const changeTimeoutMs = 5_000;

export interface ExclusiveLock {
  release(): void;
}

/** Runs `act` while no other process does so for the same `path`. The lock file is `<path>.lock` (0600). */
export function whileLocked<T>(path: string, act: () => T): T {
  const lockPath = `${path}.lock`;
  const lock = acquireLock(lockPath, changeTimeoutMs);
  if (lock === undefined) throw lockRefused(lockPath, 'another process holds it');
  try {
    return act();
  } finally {
    lock.release();
  }
}

/** The lock, or undefined when another process still holds it after `timeoutMs`. `path` is the lock file itself. */
export function acquireLock(path: string, timeoutMs: number): ExclusiveLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    // An existing file is not opened here: closing it would end a lock that this same process holds (POSIX).
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    setBusyTimeout(database, timeoutMs);
    // Without a journal file beside it. Nothing is ever written to the lock file.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if (sqliteCode(cause) === sqliteCodes.busy) return undefined;
    throw lockRefused(path, sqliteReason(cause), cause);
  }
  const held = database;
  return {
    release: () => {
      held.close();
    },
  };
}

const lockRefused = (path: string, reason: string, cause?: unknown): OperatorError =>
  new OperatorError(
    `the lock file ${path} cannot be locked (${reason})`,
    'try again; the file and its folder must belong to the user that runs RKMS, on a file system with POSIX locks',
    { cause },
  );
