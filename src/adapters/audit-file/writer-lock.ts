// Which lane a process writes in: the first one that is free. A lane is held by a lock of the operating system (SQLite's, on
// a file beside the log), which ends with the process however it ends, so that none is ever left behind.
import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../system/operator-error.js';
import { codeOf, ensurePrivateFolder } from '../files/private-files.js';
import { waitWhileBusy } from '../files/sqlite-busy-timeout.js';
import { lanePath } from './audit-names.js';

const mostLanes = 64;
/** Long enough for two processes that begin at once to tell which one was first. */
const patienceMs = 20;
const sqliteBusy = 5;

export interface WriterLock {
  readonly path: string;
  release(): void;
}

/** Refuses the start when no lane can be had. */
export function acquireWriterLock(base: string): WriterLock {
  ensurePrivateFolder(dirname(base));
  for (let lane = 1; lane <= mostLanes; lane += 1) {
    const path = lanePath(base, lane);
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
    `the audit log ${base} is written by ${mostLanes} processes already`,
    'give this process a data folder, or an audit.file, of its own',
  );
}

function claim(path: string): DatabaseSync | undefined {
  let lock: DatabaseSync | undefined;
  try {
    // Never opened when it is there: closing it would end a lock that this process holds (POSIX).
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    lock = new DatabaseSync(path);
    waitWhileBusy(lock, patienceMs);
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy) return undefined;
    throw new OperatorError(
      `the audit log cannot be locked: ${path} (${codeOf(cause)})`,
      'give the file to the user that runs RKMS; its file system must know locks',
      { cause },
    );
  }
}
