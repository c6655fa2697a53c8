// Checks before the first request that the store is this deployment's and that every master key that its records need is
// there. The first start initialises the embedded default; everything else is initialised by `rkms init`. Absence alone never
// creates anything (I7).
import { existsSync } from 'node:fs';
import { CredentialsError, credentialsAdvice } from '../../adapters/aws/credentials-error.js';
import { createMasterKey, masterKeyPath, withoutMasterKey } from '../../adapters/local-kms/master-keys.js';
import { codeOf } from '../../adapters/files/private-files.js';
import { checkGenesis, type Genesis } from '../../domain/keys/genesis.js';
import type { WritePlace } from '../../domain/ids.js';
import type {
  StoreReadFailure,
  StoreWriteFailure,
  StoreWrittenElsewhere,
} from '../../domain/failures/store-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import { expectedGenesis, isEmbedded, type Config } from '../config/config.js';
import { masterKeyFolder } from '../wiring/container.js';
import { requireNoLoggedKeys } from './known-keys-check.js';
import { TemporaryFailure } from './start-check.js';

export interface OpenedStore {
  readonly repository: KeyRepository;
  readonly clock: Clock;
}

/** How long one call to the store may take at start (ms). */
const storeTimeoutMs = 5_000;
const bounds = (): AbortSignal => AbortSignal.timeout(storeTimeoutMs);

/** Returns when the store is this deployment's and every local vault has its master key; else throws an OperatorError. */
export async function prepareStore(store: OpenedStore, config: Config): Promise<void> {
  // Checked before the store: another first start creates the genesis record before the master keys.
  const isNew = isEmbedded(config) && !hasMasterKeys(config);
  const { repository } = store;
  const found = await readGenesis(repository, config);
  if (found === undefined && isNew) await initialiseStore(store, config);
  else requireOwnGenesis(found, config);
  await prepareMasterKeys(repository, config);
}

/** As `prepareStore`, but never initialises a store. Returns its genesis record. */
export async function requireStore(repository: KeyRepository, config: Config): Promise<Genesis> {
  const genesis = await requireGenesis(repository, config);
  await prepareMasterKeys(repository, config);
  return genesis;
}

/** As `requireStore`, but creates nothing: the master key of a region may be missing when no stored record needs it. */
export async function requireReadableStore(repository: KeyRepository, config: Config): Promise<Genesis> {
  const genesis = await requireGenesis(repository, config);
  await requireMasterKeys(repository, config);
  return genesis;
}

/** Creates the deployment's genesis record; false when it existed already. */
export async function initialiseStore({ repository, clock }: OpenedStore, config: Config): Promise<boolean> {
  const before = await readGenesis(repository, config);
  if (before === undefined) {
    await requireNoLoggedKeys(config);
    const first = await repository.page(undefined, 2, bounds());
    if (first.isErr()) throw storeRefused(first.error, config);
    if (first.value.entries.length > 0) throw recordsWithoutGenesis();
  }
  const genesis = { ...expectedGenesis(config), createdAtMs: clock.nowMs() };
  const winner = await repository.initialise(genesis, bounds());
  if (winner.isErr()) throw storeRefused(winner.error, config);
  requireOwnGenesis(winner.value, config);
  return before === undefined;
}

/** Returns the genesis record of a store that is this deployment's. Creates nothing, not even a master key. */
export async function requireGenesis(repository: KeyRepository, config: Config): Promise<Genesis> {
  return requireOwnGenesis(await readGenesis(repository, config), config);
}

async function readGenesis(repository: KeyRepository, config: Config): Promise<Genesis | undefined> {
  const found = await repository.genesis(bounds());
  if (found.isErr()) throw storeRefused(found.error, config);
  return found.value;
}

/** The genesis record `found`, if it is this deployment's; else throws an OperatorError. */
export function requireOwnGenesis(found: Genesis | undefined, config: Config): Genesis {
  const checked = checkGenesis(found, expectedGenesis(config));
  if (checked.isOk()) return checked.value;
  if (checked.error.kind === 'store.written-elsewhere') throw writtenElsewhere(checked.error);
  if (found !== undefined) {
    throw new OperatorError(
      `the store belongs to the deployment "${found.deployment}", not to "${config.deployment}"`,
      'correct [store] or deployment in the configuration',
    );
  }
  throw isEmbedded(config) && hasMasterKeys(config)
    ? new OperatorError(
        'there are master keys, but the store has no genesis record: it was lost, emptied or replaced',
        'restore the store from a backup; for a new deployment, use an empty data_dir',
      )
    : new OperatorError(
        'the store has no genesis record, so RKMS cannot tell whether it is this deployment’s store',
        'if it is a new store for this deployment, run: rkms init',
      );
}

const writtenElsewhere = ({ expected, found }: StoreWrittenElsewhere): OperatorError =>
  new OperatorError(
    `the store is written ${placeOf(found)}, but this configuration would write ${placeOf(expected)}`,
    'two places that write one table create two keys for one id: set mode, home or region in [store] as in the other processes (docs/stores.md explains how to move)',
  );

const placeOf = (place: WritePlace): string =>
  place === 'anywhere' ? 'in every region' : `in ${place} only`;

const recordsWithoutGenesis = (): OperatorError =>
  new OperatorError(
    'the store holds records but no genesis record',
    'restore the genesis record from a backup; RKMS does not adopt records that it did not create',
  );

async function prepareMasterKeys(repository: KeyRepository, config: Config): Promise<void> {
  for (const region of await requireMasterKeys(repository, config)) {
    createMasterKey(masterKeyFolder(config), region);
  }
}

/** Whether any local region has its master key. */
export const hasMasterKeys = (config: Config): boolean =>
  localRegions(config).some((region) => existsSync(masterKeyPath(masterKeyFolder(config), region)));

/** The local regions without a master key. Throws an OperatorError when a stored record needs one of them. */
export async function requireMasterKeys(
  repository: KeyRepository,
  config: Config,
): Promise<readonly Region[]> {
  const missing = withoutMasterKey(masterKeyFolder(config), localRegions(config));
  if (missing.length === 0) return [];
  const needed = await firstNeeded(repository, missing, config);
  if (needed === undefined) return missing;
  throw new OperatorError(
    `the master key ${masterKeyPath(masterKeyFolder(config), needed)} is missing, and stored keys depend on it`,
    'restore it from a backup, or remove the region from the configuration',
  );
}

/** The first of `regions` in which a stored record has a ciphertext; undefined when there is none. */
async function firstNeeded(
  repository: KeyRepository,
  regions: readonly Region[],
  config: Config,
): Promise<Region | undefined> {
  let after: string | undefined;
  do {
    const page = await repository.page(after, 500, bounds());
    if (page.isErr()) throw storeRefused(page.error, config);
    for (const { record } of page.value.entries) {
      // An unreadable record may need any region.
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
  const hint = failure.kind === 'credentials.invalid' ? credentialsAdvice(failure) : detail;
  const name = nameOf(cause);
  const Refusal = mayPass(failure) ? TemporaryFailure : OperatorError;
  return new Refusal(
    `the store cannot be used: ${placeOfStore(store)}: ${failure.kind}${name === undefined ? '' : ` (${name})`}`,
    hint ?? storeHints[failure.kind] ?? 'check [store] in the configuration',
    { cause },
  );
}

function nameOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : undefined;
  if (cause instanceof CredentialsError) return cause.message;
  return 'code' in cause ? codeOf(cause) : cause.name;
}

/** Whether the store may answer later without any change of ours. */
function mayPass(failure: StoreReadFailure | StoreWriteFailure): boolean {
  switch (failure.kind) {
    case 'store.unavailable':
    case 'store.throttled':
    case 'store.conflicted':
    case 'store.outcome-unknown':
    case 'call.aborted':
      return true;
    case 'credentials.invalid':
      return failure.isTemporary === true;
    case 'store.misconfigured':
    case 'key.unreadable':
      return false;
  }
}

const placeOfStore = (store: Config['store']): string =>
  store.kind === 'sqlite'
    ? store.path
    : `DynamoDB table "${store.table}" in ${store.regions.map(({ name }) => name).join(', ')}`;

const storeHints: Readonly<Partial<Record<(StoreReadFailure | StoreWriteFailure)['kind'], string>>> = {
  'store.unavailable': 'check the region, the endpoint and the network of this machine',
  'store.throttled': 'raise the capacity of the table, then start again',
  'credentials.invalid': 'give the process AWS credentials, for example with a role',
  'call.aborted': 'the store did not answer in time: check region, endpoint and network',
};
