// A lock between processes on one machine, for those who change the same file. SQLite holds it as a lock of the operating
// system, which is gone with the process however that ends: a kill leaves nothing behind that somebody must clean up.
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../system/operator-error.js';
import { codeOf } from './private-files.js';
import { waitWhileBusy } from './sqlite-busy-timeout.js';

const patienceMs = 5_000;

/** Runs `act` while no other process does so for the same `path`. Makes an empty file (0600) beside it, which stays. */
export function whileLocked<T>(path: string, act: () => T): T {
  const lock = locked(`${path}.lock`);
  try {
    return act();
  } finally {
    lock.close();
  }
}

function locked(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    lock = new DatabaseSync(path);
    waitWhileBusy(lock, patienceMs);
    lock.exec('BEGIN IMMEDIATE');
    return lock;
  } catch (cause) {
    lock?.close();
    const reason = lock ? 'another process holds it, or it is not an empty file' : codeOf(cause);
    throw new OperatorError(
      `the lock ${path} cannot be had (${reason})`,
      'try again, and see that its folder belongs to the user that runs RKMS',
      { cause },
    );
  }
}
