// Opens or creates the SQLite file of the store. Must never write to a file that is not an RKMS store or has the schema of a
// newer RKMS.
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../system/operator-error.js';
import { ensurePrivateFolder } from '../files/private-files.js';
import { requireLocalDisk } from './local-disk.js';
import { setBusyTimeout, sqliteCode, sqliteCodes, sqliteReason } from '../files/sqlite-file.js';

/** "RKMS" in ASCII. PRAGMA application_id marks the file as an RKMS store (https://www.sqlite.org/pragma.html). */
const applicationId = 0x524b4d53;
const schemaVersion = 1;
/** For opening the file, at start. Calls of a request never wait in SQLite, because that blocks the event loop. */
const busyTimeoutMs = 2_000;
/** Between two attempts to switch the journal mode. */
const pauseMs = 10;

const schema = `
  CREATE TABLE IF NOT EXISTS keys (
    id            TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    format        INTEGER NOT NULL,
    commitment    TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    ciphertexts   TEXT    NOT NULL,
    PRIMARY KEY (id, version)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS genesis (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    deployment    TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL
  );
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

/**
 * Several processes may open the same file, even at the same time and before it exists. A committed write is on disk: WAL
 * with `synchronous = FULL` flushes the log at each commit (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
export function openDatabase(path: string): DatabaseSync {
  ensurePrivateFolder(dirname(path));
  requireLocalDisk(dirname(path));
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    setBusyTimeout(database, busyTimeoutMs);
    prepareDatabase(database, path);
    setBusyTimeout(database, 0);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof OperatorError) throw cause;
    throw openingRefused(path, cause);
  }
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  // Takes the write lock: of several processes that open a new file, one creates the schema.
  database.exec('BEGIN IMMEDIATE');
  const isNew = !isOurs(database, path);
  if (isNew) database.exec(schema);
  database.exec('COMMIT');
  switchToWal(database);
  database.exec('PRAGMA synchronous = FULL');
}

/** True for an RKMS store, false for an empty file. Refuses everything else, and a store of a newer RKMS. */
export function isOurs(database: DatabaseSync, path: string): boolean {
  const found = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  const tables = Number(database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count']);
  if (found !== applicationId && (found !== 0 || tables > 0)) {
    throw new OperatorError(`${path} is not an RKMS store`, 'name another file as store.path');
  }
  if (version > schemaVersion) {
    throw new OperatorError(
      `the store ${path} was made by a newer RKMS (schema ${version}, this one knows ${schemaVersion})`,
      'run the newer RKMS',
    );
  }
  return found === applicationId;
}

export const openingRefused = (path: string, cause: unknown): OperatorError =>
  new OperatorError(`the store ${path} cannot be opened (${sqliteReason(cause)})`, hintFor(cause), { cause });

// SQLite's busy timeout does not apply to a change of the journal mode, so this loop waits for other processes.
function switchToWal(database: DatabaseSync): void {
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (cause) {
      if (sqliteCode(cause) !== sqliteCodes.busy || waitedMs >= busyTimeoutMs) throw cause;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
}

const pragma = (database: DatabaseSync, name: string): number =>
  Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);

function hintFor(cause: unknown): string {
  switch (sqliteCode(cause)) {
    case sqliteCodes.notADatabase:
      return 'it is not an SQLite database: name another file as store.path, or restore it from a backup';
    case sqliteCodes.corrupt:
    case sqliteCodes.ioError:
      return 'the file is damaged or cut off, or its disk is faulty: restore it from a backup';
    case sqliteCodes.busy:
    case sqliteCodes.locked:
      return 'another program has locked it: end that program, or try again later';
    case sqliteCodes.full:
      return 'the disk is full: free some space';
    default:
      return 'check that the file and its folder can be read and written by the user that runs RKMS';
  }
}
