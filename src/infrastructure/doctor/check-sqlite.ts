// The SQLite store: its file, its genesis record, and the master keys that its records need. Reads only. A deployment that
// was never started has none of them yet; that is not an error.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { inspectDatabase } from '../../adapters/sqlite/inspect-database.js';
import { SqliteKeyRepository } from '../../adapters/sqlite/sqlite-key-repository.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import { isEmbedded, type Config, type SqliteConfig } from '../config/config.js';
import { hasMasterKeys, requireMasterKeys, requireOwnGenesis } from '../startup/prepare-store.js';
import { checkKnownKeys } from './check-known-keys.js';
import { checkFolder, checkFlush, checkSpace, checkWritable, isSameFolder } from './check-disk.js';
import type { Examination } from './examination.js';
import { storeWords } from './remedies.js';
import { Subject, type Finding } from '../checks/finding.js';

const store = new Subject('store');

export async function checkSqlite(
  { path }: SqliteConfig,
  examination: Examination,
): Promise<readonly Finding[]> {
  const { config, machine } = examination;
  const folder = dirname(path);
  const disk =
    existsSync(folder) && !isSameFolder(folder, config.data_dir)
      ? [
          ...checkFolder(store, folder, machine),
          await checkSpace(store, folder, machine),
          await checkFlush(store, folder, machine),
        ]
      : [];
  return [...disk, ...(await checkFile(path, examination))];
}

async function checkFile(path: string, examination: Examination): Promise<readonly Finding[]> {
  const { config } = examination;
  if (!existsSync(path)) return [genesisFinding(undefined, config)];
  const unwritable = await checkWritable(store, 'file', path);
  if (unwritable) return [unwritable];
  const { value: inspected, refused } = store.attempt('file', () => inspectDatabase(path));
  if (refused) return [refused];
  const { database, isWal } = inspected;
  if (database === undefined) return [genesisFinding(undefined, config)];
  try {
    return [
      store.ok('file', path),
      isWal
        ? store.ok('journal', 'WAL: readers and writers do not wait for each other')
        : store.warning(
            'journal',
            'not WAL',
            'start the service, which sets it; let no other program change the file',
          ),
      ...(await checkContent(database, examination)),
    ];
  } finally {
    database.close();
  }
}

async function checkContent(database: DatabaseSync, examination: Examination): Promise<readonly Finding[]> {
  const { config, limitMs } = examination;
  const repository = new SqliteKeyRepository(database);
  const genesis = await repository.genesis(AbortSignal.timeout(limitMs));
  if (genesis.isErr()) {
    const { found, hint } = storeWords(genesis.error, '', limitMs);
    return [store.broken('genesis', found, hint)];
  }
  const { refused } = await store.attemptAsync('master keys', () => requireMasterKeys(repository, config));
  const known = genesis.value && (await checkKnownKeys(store, repository, genesis.value, examination));
  return [genesisFinding(genesis.value, config), ...(known ?? []), ...(refused ? [refused] : [])];
}

function genesisFinding(found: Genesis | undefined, config: Config): Finding {
  if (found === undefined && isEmbedded(config) && !hasMasterKeys(config)) {
    return store.skipped('genesis', 'not created yet: the first rkms serve creates the store');
  }
  const { refused } = store.attempt('genesis', () => requireOwnGenesis(found, config));
  return refused ?? store.ok('genesis', `the store belongs to the deployment "${config.deployment}"`);
}
