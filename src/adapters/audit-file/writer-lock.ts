// Decides which of the log's files this process writes: the first one that no other process has locked. The lock is an
// operating system lock (SQLite's, on a file beside the log); it ends with the process, even after a kill, so no stale lock
// can remain.
import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../system/operator-error.js';
import { codeOf, ensurePrivateFolder } from '../files/private-files.js';
import { waitWhileBusy } from '../files/sqlite-busy-timeout.js';
import { writerPath } from './audit-names.js';

const maxWriters = 64;
/** Lets one of two processes that start at the same time win, rather than both lose. At start-up only. */
const lockTimeoutMs = 20;
const sqliteBusy = 5;

export interface WriterLock {
  readonly path: string;
  release(): void;
}

/** Throws an OperatorError if all files are locked, or if a lock cannot be taken. */
export function acquireWriterLock(base: string): WriterLock {
  ensurePrivateFolder(dirname(base));
  for (let writer = 1; writer <= maxWriters; writer += 1) {
    const path = writerPath(base, writer);
    const lock = claim(`${path}.lock`);
    if (lock !== undefined) {
      return {
        path,
        release: () => {
          lock.close();
        },
      };
    }
  }
  throw new OperatorError(
    `${maxWriters} processes write to the audit log ${base} already`,
    'give this process its own data folder, or its own audit.file',
  );
}

function claim(path: string): DatabaseSync | undefined {
  let lock: DatabaseSync | undefined;
  try {
    // An existing file is not opened here: closing it would release a lock that this process holds (POSIX).
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    lock = new DatabaseSync(path);
    waitWhileBusy(lock, lockTimeoutMs);
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy) return undefined;
    throw new OperatorError(
      `the audit log cannot be locked: ${path} (${codeOf(cause)})`,
      'make the user that runs RKMS the owner of the file; its file system must support locks',
      { cause },
    );
  }
}
