// Opens the SQLite file of the store for reading, for the doctor, with or without a running service. Must not change the file,
// and must not create SQLite's WAL files in its folder when no process uses the store.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { OperatorError } from '../system/operator-error.js';
import { codeOf } from '../files/private-files.js';
import { setBusyTimeout } from '../files/sqlite-file.js';
import { requireLocalDisk } from './local-disk.js';
import { isOurs, openingRefused } from './open-database.js';

export interface InspectedDatabase {
  /** Open for reading; the caller closes it. Undefined for an empty file, which the first start fills. */
  readonly database: DatabaseSync | undefined;
  /** Whether the file is in WAL mode, as RKMS sets it. */
  readonly isWal: boolean;
}

/** Refuses the files that a start of the service would refuse. The file must exist. */
export function inspectDatabase(path: string): InspectedDatabase {
  requireLocalDisk(dirname(path));
  let database: DatabaseSync | undefined;
  try {
    const isWal = saysWal(path);
    database = openForReading(path);
    setBusyTimeout(database, busyTimeoutMs);
    if (isOurs(database, path)) return { database, isWal };
    database.close();
    return { database: undefined, isWal };
  } catch (cause) {
    database?.close();
    throw cause instanceof OperatorError ? cause : openingRefused(path, cause);
  }
}

const busyTimeoutMs = 2_000;

function openForReading(path: string): DatabaseSync {
  if (existsSync(`${path}-wal`)) return new DatabaseSync(path, { readOnly: true });
  // Without a WAL file no process uses the store. `immutable` keeps SQLite from creating one.
  const unshared = pathToFileURL(path);
  unshared.searchParams.set('immutable', '1');
  try {
    return new DatabaseSync(unshared, { readOnly: true });
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_INVALID_ARG_TYPE') throw cause;
    // Node 22.13 accepts no URL. A connection that may write removes its WAL file again when it closes.
    return new DatabaseSync(path);
  }
}

// https://www.sqlite.org/fileformat2.html: byte 18 of the file is its write version, and 2 means WAL.
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
