// Before the first request: is this our store, and are the master keys there that its records need? The embedded default
// is initialised by its first start; everything else by `rkms init`. Absence alone never makes anything anew (I7).
import { existsSync } from 'node:fs';
import type { Container } from 'inversify';
import { createMasterKey, masterKeyPath, withoutMasterKey } from '../../adapters/local-kms/master-keys.js';
import { codeOf } from '../../adapters/files/private-files.js';
import { checkGenesis, type Genesis } from '../../domain/keys/genesis.js';
import { type WritePlace } from '../../domain/ids.js';
import type {
  StoreReadFailure,
  StoreWriteFailure,
  StoreWrittenElsewhere,
} from '../../domain/failures/store-failures.js';
import type { Region } from '../../domain/ids.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import { expectedGenesis, isEmbedded, type Config } from '../config/config.js';
import { masterKeyFolder } from '../wiring/container.js';

const patienceMs = 10_000;
const bounds = (): AbortSignal => AbortSignal.timeout(patienceMs);

/** Ok when the store is this deployment's and every local vault has its master key. */
export async function prepareStore(container: Container, config: Config): Promise<void> {
  // Looked at before the store: another first start makes the genesis record before the master keys.
  const hasMasterKeys = localRegions(config).some((region) =>
    existsSync(masterKeyPath(masterKeyFolder(config), region)),
  );
  const repository = container.get(KeyRepository);
  const found = await readGenesis(repository, config);
  if (found === undefined && isEmbedded(config) && !hasMasterKeys) {
    await initialiseStore(container, config);
  } else {
    refuseForeign(found, config, hasMasterKeys);
  }
  await prepareMasterKeys(repository, config);
}

/** Ok for a store that was initialised before, as `prepareStore`; never initialises one. Answers with its genesis record. */
export async function requireStore(container: Container, config: Config): Promise<Genesis> {
  const repository = container.get(KeyRepository);
  const found = await readGenesis(repository, config);
  const hasMasterKeys = withoutMasterKey(masterKeyFolder(config), localRegions(config)).length === 0;
  const genesis = refuseForeign(found, config, hasMasterKeys && localRegions(config).length > 0);
  await prepareMasterKeys(repository, config);
  return genesis;
}

/** Makes the deployment's genesis record; true when it was not there before. */
export async function initialiseStore(container: Container, config: Config): Promise<boolean> {
  const repository = container.get(KeyRepository);
  const before = await readGenesis(repository, config);
  if (before === undefined) {
    const first = await repository.page(undefined, 2, bounds());
    if (first.isErr()) throw storeRefused(first.error, config);
    if (first.value.entries.length > 0) throw recordsWithoutGenesis();
  }
  const genesis = { ...expectedGenesis(config), createdAtMs: container.get(Clock).nowMs() };
  const winner = await repository.initialise(genesis, bounds());
  if (winner.isErr()) throw storeRefused(winner.error, config);
  refuseForeign(winner.value, config, false);
  return before === undefined;
}

/** Ok for a store that is this deployment's. Makes nothing, not even a master key: for whoever only reads. */
export async function requireGenesis(container: Container, config: Config): Promise<Genesis> {
  return refuseForeign(await readGenesis(container.get(KeyRepository), config), config, false);
}

async function readGenesis(repository: KeyRepository, config: Config): Promise<Genesis | undefined> {
  const found = await repository.genesis(bounds());
  if (found.isErr()) throw storeRefused(found.error, config);
  return found.value;
}

/** The genesis record that was found, if it is that of this deployment. */
export function refuseForeign(found: Genesis | undefined, config: Config, hasMasterKeys: boolean): Genesis {
  const checked = checkGenesis(found, expectedGenesis(config));
  if (checked.isOk()) return checked.value;
  if (checked.error.kind === 'store.written-elsewhere') throw writtenElsewhere(checked.error);
  if (found !== undefined) {
    throw new OperatorError(
      `the store belongs to the deployment "${found.deployment}", not to "${config.deployment}"`,
      'name the right store, or the right deployment, in the configuration',
    );
  }
  throw hasMasterKeys && isEmbedded(config)
    ? new OperatorError(
        'there are master keys, but the store has no genesis record: it was lost, emptied or replaced',
        'restore the store from a backup; to begin anew, name an empty data folder',
      )
    : new OperatorError(
        'the store has no genesis record, so it is not known to be this deployment’s',
        'if it is the right store and new, run: rkms init',
      );
}

const writtenElsewhere = ({ expected, found }: StoreWrittenElsewhere): OperatorError =>
  new OperatorError(
    `the store is written ${placeOf(found)}, but this configuration would write ${placeOf(expected)}`,
    'two places that write one table make two keys for one id: set mode, home or region in [store] as the other processes have it (docs/stores.md says how to move)',
  );

const placeOf = (place: WritePlace): string =>
  place === 'anywhere' ? 'in every region' : `in ${place} only`;

const recordsWithoutGenesis = (): OperatorError =>
  new OperatorError(
    'the store holds records but no genesis record',
    'restore the genesis record from a backup; RKMS does not adopt records it did not make',
  );

async function prepareMasterKeys(repository: KeyRepository, config: Config): Promise<void> {
  const folder = masterKeyFolder(config);
  const missing = withoutMasterKey(folder, localRegions(config));
  if (missing.length === 0) return;
  const needed = await firstNeeded(repository, missing, config);
  if (needed !== undefined) {
    throw new OperatorError(
      `the master key ${masterKeyPath(folder, needed)} is missing, and stored keys depend on it`,
      'restore it from a backup, or take the region out of the configuration',
    );
  }
  for (const region of missing) createMasterKey(folder, region);
}

/** The first of `regions` that some stored record has a ciphertext of. */
export async function firstNeeded(
  repository: KeyRepository,
  regions: readonly Region[],
  config: Config,
): Promise<Region | undefined> {
  let after: string | undefined;
  do {
    const page = await repository.page(after, 500, bounds());
    if (page.isErr()) throw storeRefused(page.error, config);
    for (const { record } of page.value.entries) {
      // Of an unreadable record it is not known which regions it needs.
      if (record.isErr()) return regions[0];
      const needed = regions.find((region) => record.value.ciphertexts.has(region));
      if (needed !== undefined) return needed;
    }
    after = page.value.next;
  } while (after !== undefined);
  return undefined;
}

const localRegions = (config: Config): readonly Region[] =>
  config.regions.flatMap(({ name, vault }) => (vault === 'local-kms' ? [name] : []));

function storeRefused(failure: StoreReadFailure | StoreWriteFailure, { store }: Config): OperatorError {
  const detail = 'detail' in failure ? failure.detail : undefined;
  const cause = 'cause' in failure ? failure.cause : undefined;
  const name =
    typeof cause === 'string'
      ? ` (${cause})`
      : cause instanceof Error
        ? ` (${'code' in cause ? codeOf(cause) : cause.name})`
        : '';
  return new OperatorError(
    `the store cannot be used: ${placeOfStore(store)}: ${failure.kind}${name}`,
    detail ?? storeHints[failure.kind] ?? 'check [store] in the configuration',
    { cause },
  );
}

const placeOfStore = (store: Config['store']): string =>
  store.kind === 'sqlite'
    ? store.path
    : `DynamoDB table "${store.table}" in ${store.regions.map(({ name }) => name).join(', ')}`;

const storeHints: Readonly<Partial<Record<(StoreReadFailure | StoreWriteFailure)['kind'], string>>> = {
  'store.unavailable': 'check that the store can be reached from here: region, endpoint, network',
  'store.throttled': 'raise the capacity of the table, then start again',
  'credentials.invalid': 'give the process AWS credentials, for example by a role',
  'call.aborted': 'the store did not answer in time: check region, endpoint and network',
};
