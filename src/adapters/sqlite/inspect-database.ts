// Opens the store's SQLite file to look at it, beside a service that uses it or without one. Changes nothing: neither the
// file, nor, where no process left its log there, the folder.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { OperatorError } from '../system/operator-error.js';
import { codeOf } from '../files/private-files.js';
import { waitWhileBusy } from '../files/sqlite-busy-timeout.js';
import { isOurs, openingRefused } from './open-database.js';

export interface InspectedDatabase {
  /** For reading; undefined where the file is empty, as before its first start. Whoever asked closes it. */
  readonly database: DatabaseSync | undefined;
  /** Whether writers append to a log (WAL), as RKMS has them do. */
  readonly isWal: boolean;
}

/** Refuses what the start would refuse. The file must be there. */
export function inspectDatabase(path: string): InspectedDatabase {
  let database: DatabaseSync | undefined;
  try {
    const isWal = saysWal(path);
    database = openForReading(path);
    waitWhileBusy(database, patienceMs);
    if (isOurs(database, path)) return { database, isWal };
    database.close();
    return { database: undefined, isWal };
  } catch (cause) {
    database?.close();
    throw cause instanceof OperatorError ? cause : openingRefused(path, cause);
  }
}

const patienceMs = 2_000;

function openForReading(path: string): DatabaseSync {
  if (existsSync(`${path}-wal`)) return new DatabaseSync(path, { readOnly: true });
  // Without a log there is nobody to share it with, and SQLite need not make one to read.
  const unshared = pathToFileURL(path);
  unshared.searchParams.set('immutable', '1');
  try {
    return new DatabaseSync(unshared, { readOnly: true });
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_INVALID_ARG_TYPE') throw cause;
    // Node 22.13 takes no URL. Whoever may write removes the log again that SQLite makes to read.
    return new DatabaseSync(path);
  }
}

// https://www.sqlite.org/fileformat2.html: the file's write version is at offset 18, and 2 says WAL.
const writeVersionAt = 18;

function saysWal(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(writeVersionAt + 1);
    readSync(file, header, 0, header.length, 0);
    return header[writeVersionAt] === 2;
  } finally {
    closeSync(file);
  }
}
