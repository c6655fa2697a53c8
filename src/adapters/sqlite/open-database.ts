// Opens the store's SQLite file, or makes it. Refuses a file that is not an RKMS store or was made by a newer RKMS.
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../system/operator-error.js';
import { codeOf, ensurePrivateFolder } from '../files/private-files.js';
import { waitWhileBusy } from '../files/sqlite-busy-timeout.js';
import { sqliteCode } from './sqlite-failures.js';

/** "RKMS" in ASCII: marks the file as ours (PRAGMA application_id). */
const applicationId = 0x524b4d53;
const schemaVersion = 1;
const busyTimeoutMs = 2_000;
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

/** Several processes may open the same file, also at the same time and for the first time. */
export function openDatabase(path: string): DatabaseSync {
  ensurePrivateFolder(dirname(path));
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    waitWhileBusy(database, busyTimeoutMs);
    prepareDatabase(database, path);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof OperatorError) throw cause;
    throw openingRefused(path, cause);
  }
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  // Waits for other processes that prepare the same file.
  database.exec('BEGIN IMMEDIATE');
  const isNew = !isOurs(database, path);
  if (isNew) database.exec(schema);
  database.exec('COMMIT');
  switchToWal(database);
  database.exec('PRAGMA synchronous = FULL');
}

/** Whether the file is an RKMS store; false for an empty one. Refuses what is neither, or of a newer RKMS. */
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

/** What stands in the way of opening the file. */
export const openingRefused = (path: string, cause: unknown): OperatorError =>
  new OperatorError(`the store ${path} cannot be opened (${reasonOf(cause)})`, hintFor(cause), { cause });

// Unlike the start of a transaction, the switch does not wait for other processes by itself.
function switchToWal(database: DatabaseSync): void {
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (cause) {
      if (sqliteCode(cause) !== busy || waitedMs >= busyTimeoutMs) throw cause;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
}

const pragma = (database: DatabaseSync, name: string): number =>
  Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);

// https://www.sqlite.org/rescode.html
const busy = 5;
const notADatabase = 26;

const reasonOf = (cause: unknown): string =>
  sqliteCode(cause) === -1 ? codeOf(cause) : cause instanceof Error ? cause.message : String(cause);

const hintFor = (cause: unknown): string =>
  sqliteCode(cause) === notADatabase
    ? 'it is not an SQLite database: name another file as store.path, or restore it from a backup'
    : 'check that the file and its folder can be written to, and that no other program holds it';
