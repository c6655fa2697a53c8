// How long SQLite waits for a file that somebody else holds.
import type { DatabaseSync } from 'node:sqlite';

/** From now on waits for so long (ms) before it says that the file is busy. Node 22.13 has no option for it. */
export function waitWhileBusy(database: DatabaseSync, patienceMs: number): void {
  database.exec(`PRAGMA busy_timeout = ${patienceMs}`);
}
