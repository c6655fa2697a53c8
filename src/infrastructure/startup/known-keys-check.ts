// Compares the store with the keys that the audit log says are in it. A store that lacks one of the newest was restored from an
// older backup, or lost records.
import { loggedKeys } from '../../adapters/audit-file/logged-keys.js';
import type { WrittenKey } from '../../adapters/audit-file/key-ledger.js';
import { codeOf } from '../../adapters/files/private-files.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import { missingOf, type FindKey, type KnownKey } from '../../application/keys/known-keys.js';
import { parseKeyId, parseKeyVersion } from '../../domain/ids.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { Config } from '../config/config.js';
import { TemporaryFailure } from './start-check.js';

/** A key of this store that the audit log names. */
export type RecordedKey = KnownKey & Omit<WrittenKey, 'id' | 'version'>;

type ReadLog = (base: string) => Promise<readonly WrittenKey[]>;

/** What `read` finds in the audit log about the store of this genesis record; the newest of each writer come last. */
export async function recordedKeys(
  config: Config,
  genesis: Genesis,
  read: ReadLog = loggedKeys,
): Promise<readonly RecordedKey[]> {
  return (await keysInLog(config, read)).flatMap((key) => {
    const [id, version] = [parseKeyId(key.id), parseKeyVersion(key.version)];
    const isHere = key.store === genesis.createdAtMs && id.isOk() && version.isOk();
    return isHere ? [{ ...key, id: id.value, version: version.value }] : [];
  });
}

async function keysInLog(
  { audit }: Config,
  read: ReadLog,
  Refusal: typeof OperatorError = TemporaryFailure,
): Promise<readonly WrittenKey[]> {
  try {
    return await read(audit.file);
  } catch (cause) {
    throw new Refusal(
      `the audit log ${audit.file} cannot be read (${codeOf(cause)})`,
      'set audit.file to another file, or make the user that runs RKMS the owner of this one',
      { cause },
    );
  }
}

/** For a new store: beside the audit log of a lost one, it would give the lost ids second keys. Throws an OperatorError. */
export async function requireNoLoggedKeys(config: Config): Promise<void> {
  const keys = await keysInLog(config, loggedKeys, OperatorError);
  if (keys.length === 0) return;
  throw new OperatorError(
    `the store is new, but the audit log ${config.audit.file} names keys that were created in another store`,
    'put the right store back; or, if those keys are not needed any more, move the audit log away and run: rkms init',
  );
}

/** How long looking up the newest keys may take (ms). */
const limitMs = 5_000;
const newestKeys = 100;

/** For a command that writes keys: throws an OperatorError when the store lacks keys that the audit log names. */
export async function requireKnownKeys(
  repository: KeyRepository,
  config: Config,
  genesis: Genesis,
): Promise<void> {
  const keys = (await recordedKeys(config, genesis)).slice(-newestKeys);
  const missing = await missingKeys(
    (...sought) => repository.find(...sought),
    keys,
    AbortSignal.timeout(limitMs),
  );
  if (missing.length > 0) throw lacksKeys(missing);
}

/** Those of `keys` that the store lacks. Throws an OperatorError when the store cannot be read. */
export async function missingKeys<Key extends KnownKey>(
  find: FindKey,
  keys: readonly Key[],
  signal: AbortSignal,
): Promise<readonly Key[]> {
  const missing = await missingOf(find, keys, signal);
  if (missing.isErr())
    throw new OperatorError(`the store cannot be read: ${missing.error.kind}`, 'try again');
  return missing.value;
}

export const lacksKeys = (missing: readonly KnownKey[]): OperatorError =>
  new OperatorError(whatIsMissing(missing), restoreOrRecover);

const shownIds = 5;

export function whatIsMissing(missing: readonly KnownKey[]): string {
  const ids = missing.slice(-shownIds).map(({ id }) => id);
  const more = missing.length > ids.length ? `, and ${missing.length - ids.length} more` : '';
  return `the store lacks keys that the audit log names: ${ids.join(', ')}${more}`;
}

export const restoreOrRecover =
  'put the right store back; or, if these keys are lost for good, run: rkms recover (docs/recovery.md)';
