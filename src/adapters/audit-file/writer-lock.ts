// Decides which of the log's files this process writes: the first one that no other process has locked. Each chain must have
// exactly one writer.
import { dirname } from 'node:path';
import { acquireLock, type ExclusiveLock } from '../files/exclusive-lock.js';
import { ensurePrivateFolder } from '../files/private-files.js';
import { OperatorError } from '../system/operator-error.js';
import { writerPath } from './audit-names.js';

const maxWriters = 64;
/** Lets one of two processes that start at the same time win, rather than both lose. At start-up only. */
const lockTimeoutMs = 20;

export interface WriterLock extends ExclusiveLock {
  /** The file that this process may write. */
  readonly path: string;
}

/** Throws an OperatorError if all files are locked, or if a lock cannot be taken. */
export function acquireWriterLock(base: string): WriterLock {
  ensurePrivateFolder(dirname(base));
  for (let writer = 1; writer <= maxWriters; writer += 1) {
    const path = writerPath(base, writer);
    const lock = acquireLock(`${path}.lock`, lockTimeoutMs);
    if (lock !== undefined) return { path, ...lock };
  }
  throw new OperatorError(
    `${maxWriters} processes write to the audit log ${base} already`,
    'give this process its own data folder, or its own audit.file',
  );
}
