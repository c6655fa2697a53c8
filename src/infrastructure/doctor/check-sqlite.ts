// The embedded store: its file, whose it is, and whether every local region has the master key that its records need. Reads
// only; a deployment that was never started has nothing of it yet, and that is no fault.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { masterKeyPath, readMasterKey, withoutMasterKey } from '../../adapters/local-kms/master-keys.js';
import { inspectDatabase } from '../../adapters/sqlite/inspect-database.js';
import { SqliteKeyRepository } from '../../adapters/sqlite/sqlite-key-repository.js';
import type { Region } from '../../domain/ids.js';
import { isEmbedded, type Config, type SqliteConfig } from '../config/config.js';
import { masterKeyFolder } from '../wiring/container.js';
import { firstNeeded, refuseForeign } from '../startup/prepare-store.js';
import { checkFolder, checkFlush, checkSpace, checkWritable, isSameFolder } from './check-disk.js';
import type { Examination } from './examination.js';
import { storeWords } from './remedies.js';
import { Subject, type Finding } from './finding.js';

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
  if (!existsSync(path)) return [checkGenesis(undefined, config)];
  const unwritable = await checkWritable(store, 'file', path);
  if (unwritable) return [unwritable];
  const { value: inspected, refused } = store.started('file', () => inspectDatabase(path));
  if (refused) return [refused];
  const { database, isWal } = inspected;
  if (database === undefined) return [checkGenesis(undefined, config)];
  try {
    return [
      store.ok('file', path),
      isWal
        ? store.ok('journal', 'WAL: readers and writers do not wait for each other')
        : store.warning(
            'journal',
            'not WAL',
            'start the service, which sets it; no other program may change the file',
          ),
      ...(await checkContent(database, examination)),
    ];
  } finally {
    database.close();
  }
}

async function checkContent(
  database: DatabaseSync,
  { config, limitMs }: Examination,
): Promise<readonly Finding[]> {
  const repository = new SqliteKeyRepository(database);
  const genesis = await repository.genesis(AbortSignal.timeout(limitMs));
  if (genesis.isErr()) {
    const { found, cure } = storeWords(genesis.error, '', limitMs);
    return [store.broken('genesis', found, cure)];
  }
  return [checkGenesis(genesis.value, config), ...(await checkMasterKeys(repository, config))];
}

function checkGenesis(found: Parameters<typeof refuseForeign>[0], config: Config): Finding {
  const local = localRegions(config);
  const hasMasterKeys = withoutMasterKey(masterKeyFolder(config), local).length < local.length;
  if (found === undefined && isEmbedded(config) && !hasMasterKeys) {
    return store.skipped('genesis', 'not there yet: the first rkms serve makes the store');
  }
  const { refused } = store.started('genesis', () => refuseForeign(found, config, hasMasterKeys));
  return refused ?? store.ok('genesis', `the store is that of the deployment "${config.deployment}"`);
}

async function checkMasterKeys(repository: SqliteKeyRepository, config: Config): Promise<readonly Finding[]> {
  const missing = withoutMasterKey(masterKeyFolder(config), localRegions(config));
  if (missing.length === 0) return [];
  const needed = await firstNeeded(repository, missing, config);
  return needed === undefined
    ? []
    : [
        store.broken(
          'master keys',
          `${masterKeyPath(masterKeyFolder(config), needed)} is missing, and stored keys depend on it`,
          'restore it from a backup, or take the region out of the configuration',
        ),
      ];
}

const localRegions = ({ regions }: Config): readonly Region[] =>
  regions.flatMap(({ name, vault }) => (vault === 'local-kms' ? [name] : []));

/** The master key of a local region; undefined where it has none. */
export const masterKeyOf = (config: Config, region: Region): Buffer | undefined =>
  withoutMasterKey(masterKeyFolder(config), [region]).length > 0
    ? undefined
    : readMasterKey(masterKeyFolder(config), region);
